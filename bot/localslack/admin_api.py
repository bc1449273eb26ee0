"""Switches for tests: limits, troubles, and the record of what passed."""

from __future__ import annotations

from starlette.routing import Route

from bot.localslack.errors import PersonError
from bot.localslack.faults import parse_fault
from bot.localslack.methods import METHODS
from bot.localslack.person_api import Ask, Handler, answering
from bot.localslack.rates import Rate
from bot.localslack.storage import JsonObject


async def set_limits(ask: Ask) -> JsonObject:
    """`enabled` for all limits; `method` with `per_minute` and `burst` for one; `trigger_s`."""
    rates, body = ask.workspace.rates, ask.body
    if "enabled" in body:
        rates.enabled = bool(body["enabled"])
    if "trigger_s" in body:
        ask.workspace.triggers.life_s = _positive(body, "trigger_s")
    if "ack_timeout_s" in body:
        ask.workspace.sockets.ack_timeout_s = _positive(body, "ack_timeout_s")
    if "method" in body:
        method = METHODS.get(ask.text("method"))
        if method is None:
            raise PersonError("unknown_method", f"There is no method {body['method']}.")
        per_minute = _positive(body, "per_minute")
        burst = max(1, int(body.get("burst", per_minute)))
        rates.set(method.name, Rate(per_minute, burst, method.rate.by_channel))
    return {"enabled": rates.enabled}


async def add_fault(ask: Ask) -> JsonObject:
    """Arrange a trouble, or clear all."""
    here, body = ask.workspace, ask.body
    fault = parse_fault(body)
    if body.get("clear"):
        here.faults.clear()
    if fault is not None:
        here.faults.add(fault)
    if "duplicate_events" in body:
        here.faults.duplicate_events = bool(body["duplicate_events"])
    if body.get("drop_socket"):
        await here.sockets.drop()
    if body.get("disconnect"):
        await here.sockets.disconnect()
    return {}


async def calls(ask: Ask) -> JsonObject:
    """The last thousand Web API calls and envelopes."""
    return ask.workspace.recorder.as_json()


def _positive(body: JsonObject, name: str) -> float:
    value = body.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise PersonError("invalid_argument", f"`{name}` is a number above 0.")
    return float(value)


def _route(path: str, handler: Handler, method: str) -> Route:
    return Route(path, answering(handler), methods=[method])


ROUTES = [
    _route("/local/limits", set_limits, "POST"),
    _route("/local/faults", add_fault, "POST"),
    _route("/local/calls", calls, "GET"),
]
