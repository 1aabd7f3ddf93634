"""Asks a router that logs its decisions a few times, and shows what was logged of the first request."""

import json
from pathlib import Path

from router import Router

LOG = Path("decisions.jsonl")
LOG.unlink(missing_ok=True)

with Router.from_file("router.yaml") as router:
    for _ in range(4):
        router.completion("chat", [{"role": "user", "content": "A secret of mine."}], max_tokens=20)

lines = LOG.read_text().splitlines()  # All are written once the router is closed.
first = json.loads(lines[0])
asked, decision = first["asked"], first["decision"]
print(len(lines), "lines;", asked["params"], asked["messages"], "secret" in LOG.read_text())
print(decision["first"], [target["share"] for target in decision["chain"][0]["targets"]])
