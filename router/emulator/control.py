"""Steering the emulator over HTTP: what it was asked, and which models fail.

========================================  ==================================================
``GET    /emulator/requests``             the recorded requests, oldest first
``DELETE /emulator/requests``             forget them
``GET    /emulator/faults``               the faults put on models: ``{model: fault}``
``DELETE /emulator/faults``               heal every model
``PUT    /emulator/faults/{org}/{name}``  ``{"fault": "503"}``: make a model fail from now on
``DELETE /emulator/faults/{org}/{name}``  heal it
========================================  ==================================================

No key is needed. What changes something answers 204.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.emulator.body import parse_json
from router.emulator.exchange import JSON_TYPE, Exchange, Refused

if TYPE_CHECKING:
    from router.emulator.recorder import Recorder
    from router.emulator.routing import Route
    from router.emulator.switch import FaultSwitch


async def control(
    exchange: Exchange, asked: Route, raw: bytes, recorder: Recorder, faults: FaultSwitch
) -> None:
    """Answer a control request whose body is *raw*.

    Raises:
        Refused: 400 for a body that names no fault, 404 for an unknown fault.
    """
    match exchange.method, asked.name:
        case "GET", "requests":
            await exchange.reply(200, recorder.dump(), {"content-type": JSON_TYPE})
            return
        case "GET", _:
            await exchange.reply_json(200, faults.names())
            return
        case "PUT", _:
            faults.fail(asked.model_id, _fault_name(raw))
        case _, "requests":
            recorder.clear()
        case _, "faults":
            faults.clear()
        case _:
            faults.heal(asked.model_id)
    await exchange.start(204, {})
    await exchange.end()


def _fault_name(raw: bytes) -> str:
    body = parse_json(raw)
    if not isinstance(body, dict) or set(body) != {"fault"} or not isinstance(body["fault"], str):
        raise Refused(400, 'the body must be {"fault": name}; `router emulate --faults` lists the names')
    return body["fault"]
