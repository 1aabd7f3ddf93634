#!/bin/sh
# Ask the gateway with curl.
curl --silent --show-error --fail-with-body --location "http://0.0.0.0:${ROUTER_PORT:-4000}/chat/completions" \
    --header 'Authorization: Bearer sk-1234' \
    --header 'Content-Type: application/json' \
    --data '{
    "model": "gemma-3",
    "messages": [
      {
          "role": "system",
          "content": "Be a good human!"
      },
      {
          "role": "user",
          "content": "What do you know about earth?"
      }
      ]
}'
