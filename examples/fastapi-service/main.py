"""A service whose router opens and closes with it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from router import AsyncChatStream, Router, RouterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Router]]:
    async with Router.from_file("router.yaml") as router:
        yield {"router": router}  # each request finds it in its state


app = FastAPI(lifespan=lifespan)


async def opened(request: Request) -> Router:
    router: Router = request.state.router
    return router


TheRouter = Annotated[Router, Depends(opened)]


def asked(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}]


@app.get("/ask")
async def ask(question: str, router: TheRouter) -> dict[str, str | None]:
    try:
        reply = await router.acompletion(model="gemma-3", messages=asked(question))
    except RouterError as error:
        raise HTTPException(error.status_hint, str(error)) from error
    return {"answer": reply.choices[0].message.content, "target": reply.routing.target}


@app.get("/stream")
async def stream(question: str, router: TheRouter) -> StreamingResponse:
    try:  # Open up to the first words, so that a failure still has its own status.
        answer = await router.acompletion(model="gemma-3", messages=asked(question), stream=True)
    except RouterError as error:
        raise HTTPException(error.status_hint, str(error)) from error
    return StreamingResponse(words(answer), media_type="text/plain")


async def words(answer: AsyncChatStream) -> AsyncIterator[str]:
    async with answer:  # Closed too when the client leaves.
        async for chunk in answer:
            for choice in chunk.choices:
                yield choice.delta.content or ""
