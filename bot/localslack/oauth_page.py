"""The page of Add to Slack, on which somebody lets the app in or not."""

from __future__ import annotations

import html

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.localslack.errors import ApiError, PersonError
from bot.localslack.oauth import Wish
from bot.localslack.storage import JsonObject
from bot.localslack.workspace import Workspace

PATH = "/oauth/v2/authorize"


async def ask(request: Request) -> Response:
    """Show who asks for what, and let a person answer."""
    workspace: Workspace = request.app.state.workspace
    wish = _wish(request.query_params)
    try:
        workspace.oauth.check(wish)
    except ApiError as error:
        return _problem(error.code)
    return HTMLResponse(_page(_form(workspace, wish)))


async def answer(request: Request) -> Response:
    """Lead the person back to the app with their answer."""
    workspace: Workspace = request.app.state.workspace
    async with request.form() as form:
        wish, user = _wish(form), str(form.get("user", ""))
        try:
            if form.get("answer") != "allow":
                return RedirectResponse(workspace.oauth.cancel(wish), 302)
            address = workspace.oauth.allow(wish, user, org=form.get("org") == "true")
        except ApiError as error:
            return _problem(error.code)
        except PersonError as error:
            return _problem(error.message, error.status)
    return RedirectResponse(address, 302)


def _wish(given: QueryParams | FormData) -> Wish:
    names = ("client_id", "scope", "state", "redirect_uri")
    return Wish(*(str(given.get(name) or "") for name in names))


def _form(workspace: Workspace, wish: Wish) -> str:
    people = [user for user in workspace.directory.users() if not user["is_bot"]]
    options = "".join(_option(workspace, person) for person in people)
    known = {
        "client_id": wish.client_id,
        "scope": wish.scopes,
        "state": wish.state,
        "redirect_uri": wish.redirect_uri,
    }
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in known.items()
    )
    app = html.escape(workspace.manifest.app_name)
    return f"""<h1>{app} asks to come in</h1><p>It may: {html.escape(wish.scopes)}</p>
<form method="post" action="{PATH}">{hidden}
<p><label>You are <select name="user">{options}</select></label></p>
<p><label><input type="checkbox" name="org" value="true"> for the whole organisation</label></p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="cancel">Cancel</button></p></form>"""


def _option(workspace: Workspace, person: JsonObject) -> str:
    team = workspace.tenants.team(person["team_id"]).name
    label = html.escape(f"{person['real_name']}, {team}")
    return f'<option value="{html.escape(person["id"])}">{label}</option>'


def _problem(words: str, status: int = 400) -> Response:
    return HTMLResponse(_page(f"<h1>That does not work</h1><p>{html.escape(words)}</p>"), status)


def _page(body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Add to Slack</title>
<style>body {{ font: 1.1rem/1.6 system-ui; max-width: 34rem; margin: 10vh auto }}</style>
{body}
</html>"""


ROUTES = [Route(PATH, ask, methods=["GET"]), Route(PATH, answer, methods=["POST"])]
