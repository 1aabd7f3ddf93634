"""The wires: OpenAI-shaped requests and replies to bytes and back, without I/O."""
