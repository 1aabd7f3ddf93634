#!/bin/sh
# Ask the service twice: for the whole answer, then for its words as they arrive.
url="http://127.0.0.1:${UVICORN_PORT:-8000}"
curl --silent --show-error --fail-with-body --get --data-urlencode "question=${1:-Hello!}" "$url/ask"
echo
curl --silent --show-error --fail-with-body --no-buffer --get --data-urlencode "question=${1:-Hello!}" "$url/stream"
echo
