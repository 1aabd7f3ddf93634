"""Ask a target that has gone silent, with a hedge and without one, and see what it costs."""

from __future__ import annotations

import os
import socket
import time

from router import Router

QUESTION = [{"role": "user", "content": "Hello!"}]

with socket.create_server(("127.0.0.1", 0)) as silent:  # Takes connections and never answers.
    os.environ["SLOW_BASE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
    with Router.from_file("router.yaml") as router:
        for model in ("chat", "patient"):
            began = time.monotonic()
            reply = router.completion(model=model, messages=QUESTION)
            print(f"{model}: answered after {time.monotonic() - began:.1f} s")
            for attempt in reply.routing.attempts:
                kind = "hedge" if attempt.hedge else "attempt"
                print(f"  {kind} at {attempt.started_s:.1f} s: {attempt.target}: {attempt.outcome}")
