"""Ask four times, and see what was tried."""

from __future__ import annotations

from router import Router

with Router.from_file("router.yaml") as router:
    for number in range(1, 5):
        reply = router.completion(model="chat", messages=[{"role": "user", "content": "Hello!"}])
        tried = ", ".join(f"{attempt.target} {attempt.outcome}" for attempt in reply.routing.attempts)
        print(f"{number}: {tried}")
