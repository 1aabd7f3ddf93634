"""What the router tells its host: one record a request."""
