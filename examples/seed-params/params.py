"""Pass max_tokens and temperature, from code and from a file."""

from __future__ import annotations

from router import Router, completion

response = completion(
    model="bytez/google/gemma-3-4b-it",
    messages=[{"content": "Hello, how are you?", "role": "user"}],
    max_tokens=20,
    temperature=0.5,
)
print("From code:\n", response.choices[0].message.content, sep="")

with Router.from_file("config.yaml") as router:
    response = router.completion(
        model="gemma-3", messages=[{"content": "Hello, how are you?", "role": "user"}]
    )
print("\nFrom config.yaml:\n", response.choices[0].message.content, sep="")
