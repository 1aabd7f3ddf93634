"""Ask the gateway with the openai SDK."""

from __future__ import annotations

import os

import openai

client = openai.OpenAI(
    api_key="sk-1234",  # any key is accepted: this config.yaml sets no master_key
    base_url=f"http://0.0.0.0:{os.environ.get('ROUTER_PORT', '4000')}",
)

response = client.chat.completions.create(
    model="gemma-3",
    messages=[
        {"role": "system", "content": "Be a good human!"},
        {"role": "user", "content": "What do you know about earth?"},
    ],
)

print(response)
