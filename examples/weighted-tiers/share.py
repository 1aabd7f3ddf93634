"""See which targets answer, and what was tried before them."""

from __future__ import annotations

from collections import Counter

from router import Router

QUESTION = [{"role": "user", "content": "Hello!"}]

with Router.from_file("router.yaml") as router:
    answered = Counter(router.completion(model="chat", messages=QUESTION).routing.target for _ in range(8))
    for target, count in answered.most_common():
        print(f"chat     {count} of 8 by {target}")

    reply = router.completion(model="fragile", messages=QUESTION)
    for attempt in reply.routing.attempts:
        print(f"fragile  attempt {attempt.number}: {attempt.target}: {attempt.outcome}")
