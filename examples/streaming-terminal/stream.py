"""Print an answer word by word; Ctrl-C stops it, here and at the provider."""

from __future__ import annotations

import sys

from router import Router

question = " ".join(sys.argv[1:]) or "What do you know about Earth?"
with Router.from_file("router.yaml") as router:
    try:
        with router.completion(
            model="gemma-3", messages=[{"role": "user", "content": question}], stream=True
        ) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    print(choice.delta.content or "", end="", flush=True)
        print()
    except KeyboardInterrupt:  # Leaving the `with` has closed the stream, so no more words are paid for.
        print("\n[stopped]")
        sys.exit(130)
