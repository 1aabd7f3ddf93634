"""Four requests to one group: each goes to the first target that can serve it."""

from __future__ import annotations

from typing import Any

from router import Router, RouterOptions

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="
PICTURE = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]


def target(router: Router, content: Any, options: RouterOptions | None = None) -> str | None:
    reply = router.completion("chat", [{"role": "user", "content": content}], router=options)
    return reply.routing.target


with Router.from_file("needs.yaml") as router:
    print("a word    ", target(router, "Hello!"))
    print("a picture ", target(router, PICTURE))
    print("a book    ", target(router, "Once upon a time. " * 2_000))
    print("tag: large", target(router, "Hello!", RouterOptions(tags=["large"])))
