"""Watch a stream whose first model breaks off: what arrives, and who said it.

The models are stand-ins of this program's own: as much of OpenAI's streams as it needs.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from router import Router, StreamInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTION = [{"role": "user", "content": "Why are there tides?"}]
ANSWER = "The Moon pulls at the sea, and twice a day the sea follows it ashore."


class Handler(BaseHTTPRequestHandler):
    """Model ``shaky`` breaks off in the middle of its answer, every other model says all of it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        last = request["messages"][-1]
        # A last message of the assistant is a beginning: what a model with "prefill" goes on with.
        begun = last["content"] if last["role"] == "assistant" else ""
        words = ANSWER.removeprefix(begun).split(" ")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, word in enumerate(words):
            if request["model"] == "shaky" and number == len(words) // 2:
                self.close_connection = True
                return
            self.say({"content": word if number == 0 else f" {word}"})
        self.say({}, "stop")
        self.write(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def say(self, delta: dict[str, str], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": int(time.time())}
        self.write(
            b"data: " + json.dumps({**chunk, "model": "stand-in", "choices": [choice]}).encode() + b"\n\n"
        )

    def write(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def log_message(self, *_args: object) -> None:
        """Be quiet."""


@contextmanager
def breaking_server() -> Iterator[str]:
    """Serve on a free port while the block runs; gives the base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


with breaking_server() as url:
    os.environ["STAND_IN_URL"] = url
    with Router.from_file(sys.argv[1]) as router:
        stream = router.completion(model="chat", messages=QUESTION, stream=True)
        attempts = stream.routing.attempts
        try:
            for chunk in stream:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
                attempts = stream.routing.attempts
            print()
        except StreamInterrupted as error:
            print(f" [broken: {error.code}]")
            attempts = error.attempts
    print("; ".join(f"{attempt.target}: {attempt.outcome}" for attempt in attempts))
