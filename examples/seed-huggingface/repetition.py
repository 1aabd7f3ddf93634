"""Pass repetition_penalty, which OpenAI does not have, from code and from a file."""

from __future__ import annotations

from router import Router, completion

response = completion(
    model="bytez/google/gemma-3-4b-it",
    messages=[{"content": "Hello, how are you?", "role": "user"}],
    repetition_penalty=1.2,
)
print("From code:\n", response.choices[0].message.content, sep="")

with Router.from_file("config.yaml") as router:
    response = router.completion(
        model="gemma-3", messages=[{"content": "Hello, how are you?", "role": "user"}]
    )
print("\nFrom config.yaml:\n", response.choices[0].message.content, sep="")
