"""The OpenAI-compatible gateway: plain ASGI, served by uvicorn or mounted by a host of its own."""
