#!/bin/sh
# Ask the gateway with curl; --include shows the headers that say which target answered.
curl --silent --show-error --fail-with-body --include \
    --header 'Content-Type: application/json' \
    --data '{"model": "gemma-3", "messages": [{"role": "user", "content": "What do you know about Earth?"}]}' \
    "http://127.0.0.1:${ROUTER_PORT:-4000}/v1/chat/completions"
