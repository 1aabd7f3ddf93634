"""Ask two providers by name, then whichever can serve, then again with one of them off."""

from __future__ import annotations

import os
from contextlib import ExitStack

from local_server import local_server

from router import Router


def ask(router: Router, group: str) -> None:
    reply = router.completion(model=group, messages=[{"role": "user", "content": "Hello!"}])
    tried = ", ".join(f"{attempt.target} {attempt.outcome}" for attempt in reply.routing.attempts)
    first_line = (reply.choices[0].message.content or "").partition("\n")[0]
    print(f"{group:8} {first_line}  ({tried})")


with ExitStack() as home:
    if "LOCAL_BASE_URL" not in os.environ:
        os.environ["LOCAL_BASE_URL"] = home.enter_context(local_server())
    with Router.from_file("router.yaml") as router:
        ask(router, "cloud")
        ask(router, "at-home")
        ask(router, "either")
        home.close()
        ask(router, "either")
