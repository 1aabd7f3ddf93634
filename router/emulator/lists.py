"""The lists of models and of tasks, as usual or with a fault put on ``list/models`` or ``list/tasks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from router.emulator.catalogue import list_models, list_tasks
from router.emulator.faults import TASK_FILTER_ERROR, Trouble
from router.emulator.reply import play

if TYPE_CHECKING:
    from router.emulator.exchange import Exchange
    from router.emulator.switch import FaultSwitch

MODELS = "list/models"
TASKS = "list/tasks"


async def send_models(exchange: Exchange, faults: FaultSwitch) -> None:
    """Answer with the listed models, filtered by the query's ``task`` and ``modelId``."""
    query = parse_qs(exchange.query)
    task = _last(query, "task")
    reply = _ListReply(exchange, list_models(task, _last(query, "modelId")), by_task=task is not None)
    await exchange.unless_client_leaves(play(exchange, reply, faults.next(MODELS), {}))


async def send_tasks(exchange: Exchange, faults: FaultSwitch) -> None:
    """Answer with the tasks."""
    reply = _ListReply(exchange, list_tasks(), by_task=False)
    await exchange.unless_client_leaves(play(exchange, reply, faults.next(TASKS), {}))


class _ListReply:
    """See ``Reply``."""

    def __init__(self, exchange: Exchange, output: list[Any], *, by_task: bool) -> None:
        self._exchange = exchange
        self._output = output
        self._by_task = by_task

    async def usual(self) -> None:
        await self._exchange.reply_json(200, {"error": None, "output": self._output})

    async def troubled(self, trouble: Trouble) -> None:
        if trouble is Trouble.TASK_FILTER and self._by_task:
            error = TASK_FILTER_ERROR
            await self._exchange.reply(error.status, error.body, error.headers)
        else:
            await self.usual()


def _last(query: dict[str, list[str]], name: str) -> str | None:
    values = query.get(name)
    return values[-1] if values else None
