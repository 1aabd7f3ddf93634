"""One program for every model: which one it is stands in the file."""

from __future__ import annotations

import sys

from router import Router

with Router.from_file(sys.argv[1]) as router:
    reply = router.completion(
        model="assistant", messages=[{"role": "user", "content": "Who are you?"}], max_tokens=60
    )

print(f"{reply.routing.target} says: {reply.choices[0].message.content}")
