"""Helpers for testing services that embed the router."""
