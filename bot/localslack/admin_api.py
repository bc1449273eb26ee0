"""The switches of the workspace: limits, troubles, administration, and what passed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.localslack.errors import PersonError
from bot.localslack.faults import parse_delay, parse_fault
from bot.localslack.methods import METHODS
from bot.localslack.person_api import Ask, Handler, answering
from bot.localslack.rates import Rate
from bot.localslack.storage import JsonObject
from bot.localslack.workspace import Workspace


async def limits(ask: Ask) -> JsonObject:
    """The limits as they are, with the methods whose rate is not Slack's."""
    rates = ask.workspace.rates
    changed = [
        {"method": name, "per_minute": rate.per_minute, "burst": rate.burst}
        for name, rate in rates.changed().items()
    ]
    return {
        "enabled": rates.enabled,
        "outside_marketplace": rates.outside_marketplace,
        "changed": changed,
        "methods": sorted(METHODS),
    }


async def set_limits(ask: Ask) -> JsonObject:
    """`enabled` for all limits; `outside_marketplace`; `method` with `per_minute` and `burst` for
    one; `trigger_s`."""
    rates, body = ask.workspace.rates, ask.body
    if "enabled" in body:
        rates.enabled = bool(body["enabled"])
    if "outside_marketplace" in body:
        rates.outside_marketplace = bool(body["outside_marketplace"])
    if "trigger_s" in body:
        ask.workspace.triggers.life_s = _positive(body, "trigger_s")
    if "ack_timeout_s" in body:
        ask.workspace.delivery.wait_for_acks(_positive(body, "ack_timeout_s"))
    if "method" in body:
        method = METHODS.get(ask.text("method"))
        if method is None:
            raise PersonError("unknown_method", f"There is no method {body['method']}.")
        per_minute = _positive(body, "per_minute")
        burst = max(1, int(body.get("burst", per_minute)))
        rates.set(method.name, Rate(per_minute, burst, method.rate.by_channel))
    return await limits(ask)


async def faults(ask: Ask) -> JsonObject:
    """The troubles that are arranged."""
    return ask.workspace.faults.as_json()


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
    if "without_previous" in body:
        here.faults.without_previous = bool(body["without_previous"])
    if "delay_ms" in body:
        here.faults.delay_ms = parse_delay(body["delay_ms"])
    if body.get("drop_socket"):
        await here.sockets.drop()
    if body.get("disconnect"):
        await here.sockets.disconnect()
    return await faults(ask)


async def calls(ask: Ask) -> JsonObject:
    """The last thousand Web API calls and envelopes."""
    return ask.workspace.recorder.as_json()


async def traffic(request: Request) -> Response:
    """Calls and envelopes as they pass."""
    workspace: Workspace = request.app.state.workspace
    headers = {"Cache-Control": "no-store"}
    stream = workspace.inspector.stream("inspector")
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def message(ask: Ask) -> JsonObject:
    """A message a person sees, as the Web API shows it to the bot."""
    found, bot = ask.message(ask.channel), ask.workspace.directory.bot_of(ask.user)
    return {"message": ask.workspace.messages.for_api(found, bot, metadata=True)}


async def post_by_app(ask: Ask) -> JsonObject:
    """Post as another app: `app`, with `webhook` as webhooks and workflows do."""
    apps = ask.workspace.other_apps
    post = apps.post_by_webhook if ask.body.get("webhook") else apps.post
    content = {name: ask.body.get(name) for name in ("text", "blocks", "attachments")}
    channel, thread_ts = _any_channel(ask), ask.optional("thread_ts")
    posted = post(ask.text("app"), channel, content, thread_ts)
    return {"message": ask.workspace.messages.for_person(posted)}


async def unfurl(ask: Ask) -> JsonObject:
    """Draw `attachments` below a message, as Slack does for links some moments later."""
    channel, messages = _any_channel(ask), ask.workspace.messages
    found = messages.find(channel, ask.text("ts"))
    if found is None:
        raise PersonError("message_not_found", "That message is not there any more.", 404)
    messages.update(channel, found, {"attachments": ask.body.get("attachments") or None})
    return {}


async def administer_channel(ask: Ask) -> JsonObject:
    """`archive`, `unarchive`, `remove_bot` or `add_bot`, in a channel of the person's."""
    administration, user, channel = ask.workspace.administration, ask.user, ask.channel
    match ask.text("do"):
        case "archive":
            administration.archive(user, channel)
        case "unarchive":
            administration.archive(user, channel, archived=False)
        case "remove_bot":
            administration.remove_bot(user, channel)
        case "add_bot":
            administration.add_bot(user, channel)
        case other:
            raise PersonError("invalid_argument", f"A channel cannot {other}.")
    return {}


async def administer_person(ask: Ask) -> JsonObject:
    """Close the account of the person named `who`, or with `deleted` false open it again."""
    deleted = bool(ask.body.get("deleted", True))
    ask.workspace.administration.deactivate(ask.user, ask.text("who"), deleted=deleted)
    return {}


async def administer_app(ask: Ask) -> JsonObject:
    """Install or uninstall the app."""
    if ask.body.get("installed"):
        ask.workspace.administration.install(ask.user)
    else:
        ask.workspace.administration.uninstall(ask.user)
    return {}


def _any_channel(ask: Ask) -> JsonObject:
    first, name = ask.workspace.tenants.installations()[0], ask.text("channel")
    here = ask.workspace.directory
    channel = here.channel(name) or here.channel_of(first, name)
    if channel is None:
        raise PersonError("channel_not_found", "There is no such channel.", 404)
    return channel


def _positive(body: JsonObject, name: str) -> float:
    value = body.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise PersonError("invalid_argument", f"`{name}` is a number above 0.")
    return float(value)


def _route(path: str, handler: Handler, method: str) -> Route:
    return Route(path, answering(handler), methods=[method])


ROUTES = [
    _route("/local/limits", limits, "GET"),
    _route("/local/limits", set_limits, "POST"),
    _route("/local/faults", faults, "GET"),
    _route("/local/faults", add_fault, "POST"),
    _route("/local/calls", calls, "GET"),
    Route("/local/traffic", traffic, methods=["GET"]),
    _route("/local/message", message, "GET"),
    _route("/local/admin/posts", post_by_app, "POST"),
    _route("/local/admin/unfurls", unfurl, "POST"),
    _route("/local/admin/channel", administer_channel, "POST"),
    _route("/local/admin/person", administer_person, "POST"),
    _route("/local/admin/app", administer_app, "POST"),
]
