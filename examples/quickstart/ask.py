"""Ask one question through the router, in this process."""

from __future__ import annotations

import sys

from router import Router

question = " ".join(sys.argv[1:]) or "What do you know about Earth?"
with Router.from_file("router.yaml") as router:
    reply = router.completion(model="gemma-3", messages=[{"role": "user", "content": question}])

print(reply.choices[0].message.content)
print(f"\ntarget={reply.routing.target} attempts={len(reply.routing.attempts)}")
