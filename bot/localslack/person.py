"""A person in the local workspace, for tests: posts, reads, clicks, fills in and waits.

Waiting is on states: what is already there counts, and what comes is streamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from bot.localslack.controls import Control
from bot.localslack.errors import NotSeen, PersonError
from bot.localslack.modal import (
    Home,
    Modal,
    Submission,
    as_option,
    as_values,
    find_choice,
    find_input,
    is_external,
)
from bot.localslack.seen import JsonObject, Message, Place, Thread

__all__ = ["Home", "Message", "Modal", "Person", "Place", "Submission", "Thread"]

_MOST_LINE = 2**24
_CALL_S = 15.0


class Person:
    """One person of the workspace. All methods raise `PersonError` where Slack would refuse."""

    def __init__(self, url: str, user_id: str, name: str, session: aiohttp.ClientSession):
        self.id = user_id
        self.name = name
        self._url = url
        self._session = session
        self._channels: dict[str, str] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, name: str) -> AsyncIterator[Person]:
        """A person in the workspace that another process runs at `url`."""
        async with aiohttp.ClientSession() as session:
            anyone = cls(url.rstrip("/"), "", name, session)
            users = (await anyone._get("workspace"))["users"]
            wanted = name.casefold()
            for user in users:
                real = user["real_name"].casefold()
                if wanted in (user["id"].casefold(), user["name"], real, real.split()[0]):
                    yield cls(anyone._url, user["id"], user["real_name"], session)
                    return
            raise PersonError("user_not_found", f"Nobody here is called {name}.", 404)

    async def post(
        self,
        channel: str,
        text: str,
        *,
        thread: Thread | Message | None = None,
        files: list[str] | None = None,
        broadcast: bool = False,
    ) -> Message:
        """Post; `files` are the ids `attach` gave.

        With `broadcast` a reply is shown in the channel, too.
        """
        body: JsonObject = {"channel": await self._channel(channel), "text": text}
        if thread is not None:
            body |= {"thread_ts": self.thread(thread).ts, "broadcast": broadcast}
        if files:
            body["files"] = files
        return await self._say(body)

    async def mention(
        self,
        channel: str,
        text: str,
        *,
        thread: Thread | Message | None = None,
        files: list[str] | None = None,
        bot: str | None = None,
    ) -> Message:
        """Post with the bot mentioned first: the one this person meets, or the user id `bot`."""
        bot = bot or (await self._get("workspace"))["bot"]["user_id"]
        return await self.post(channel, f"<@{bot}> {text}", thread=thread, files=files)

    async def reply(self, thread: Thread | Message, text: str) -> Message:
        """Post in a thread."""
        return await self.post(thread.channel, text, thread=thread)

    async def me(self, channel: str, text: str) -> Message:
        """Post by `/me`: what one does rather than says."""
        return await self._say({"channel": await self._channel(channel), "text": text, "me": True})

    async def send_through(
        self, app: str, channel: str, text: str, *, thread: Thread | Message | None = None
    ) -> Message:
        """Post through another app, which acts for this person: with `user` and `bot_id`."""
        body: JsonObject = {"channel": await self._channel(channel), "text": text, "app": app}
        if thread is not None:
            body["thread_ts"] = self.thread(thread).ts
        return await self._say(body)

    async def forward(
        self,
        message: Message,
        channel: str,
        text: str = "",
        *,
        thread: Thread | Message | None = None,
    ) -> Message:
        """Forward a message to a channel, with some words of one's own or none."""
        body: JsonObject = {"channel": message.channel, "ts": message.ts, "text": text}
        body["to"] = await self._channel(channel)
        if thread is not None:
            body["thread_ts"] = self.thread(thread).ts
        return await self._say(body, "messages/forward")

    async def edit(self, message: Message, text: str) -> Message:
        """Change one's own message."""
        body = {"channel": message.channel, "ts": message.ts, "text": text}
        return Message((await self._post("messages/edit", body))["message"])

    async def delete(self, message: Message) -> None:
        """Delete one's own message, or put an ephemeral one away."""
        await self._post("messages/delete", {"channel": message.channel, "ts": message.ts})

    async def react(self, message: Message, name: str) -> None:
        """Add a reaction, or take it back."""
        body = {"channel": message.channel, "ts": message.ts, "name": name}
        await self._post("reactions", body)

    async def stop(self, thread: Thread | Message) -> None:
        """Use the Stop button that Slack shows while the app says it is processing."""
        place = self.thread(thread)
        await self._post("stop", {"channel": place.channel, "thread_ts": place.ts})

    async def start_thread(self, viewing: str | None = None, bot: str | None = None) -> Thread:
        """Begin a thread with the assistant, `viewing` a channel beside it or none.

        It is that of the bot this person meets, or of the one with the user id `bot`.
        """
        beside = {} if viewing is None else {"viewing": await self._channel(viewing)}
        named = {} if bot is None else {"bot": bot}
        root = await self._say({**beside, **named}, "assistant/threads")
        return Thread(root.channel, root.ts)

    async def look_at(self, thread: Thread | Message, viewing: str) -> None:
        """Look at another channel beside a thread with the assistant."""
        place = self.thread(thread)
        body = {"channel": place.channel, "thread_ts": place.ts}
        await self._post("assistant/context", {**body, "viewing": await self._channel(viewing)})

    async def prompts(self, place: Place, timeout: float = 5.0) -> dict[str, str]:
        """What the assistant suggests to say there, by title, once it does. Raises `NotSeen`."""
        params = await self._place(place)
        try:
            async with asyncio.timeout(timeout), self._stream() as events:
                session = (await self._get("messages", params))["session"]
                if session["prompts"]:
                    return _by_title(session["prompts"])
                async for name, data in events:
                    is_its = {key: data.get(key, "") for key in params} == params
                    if name == "session" and is_its and data["prompts"]:
                        return _by_title(data["prompts"])
        except TimeoutError as error:
            raise NotSeen("Nothing was suggested.") from error
        raise NotSeen("The workspace went away.")

    async def _place(self, place: Place) -> dict[str, str]:
        """Name a thread or, with no time, the channel itself."""
        if isinstance(place, str):
            return {"channel": await self._channel(place), "thread_ts": ""}
        thread = self.thread(place)
        return {"channel": thread.channel, "thread_ts": thread.ts}

    async def open_messages(self, bot: str | None = None) -> None:
        """Open one's messages with the bot, as `open_home` opens its Home tab."""
        await self._post("home", {"tab": "messages", **({} if bot is None else {"bot": bot})})

    async def suggestions(
        self, message: Message, name: str, typed: str, *, block_id: str | None = None
    ) -> list[JsonObject]:
        """The options that the app suggests for what was typed into a select of a message."""
        control = find_input((await self.current(message)).blocks, name, block_id)
        container = {"type": "message", "channel": message.channel, "ts": message.ts}
        return await self.suggested(container, control, typed)

    async def suggested(
        self, container: JsonObject, control: Control, typed: str
    ) -> list[JsonObject]:
        """The options that the app suggests for what was typed into a select."""
        named = {"block_id": control.block_id, "action_id": control.action_id}
        body = {"container": container, **named, "value": typed}
        return list((await self._post("suggestions", body))["options"])

    async def attach(self, source: Path | tuple[str, bytes]) -> str:
        """Upload a file for a message; gives its id."""
        name, content = _read(source) if isinstance(source, Path) else source
        params = {"user": self.id, "name": name}
        url = f"{self._url}/local/files"
        async with self._session.post(url, params=params, data=content) as response:
            return str((await _answer(response))["file"]["id"])

    async def download(self, file_id: str) -> bytes:
        """The bytes of a file."""
        async with self._session.get(f"{self._url}/local/files/{file_id}") as response:
            if response.status != 200:
                await _answer(response)
            return await response.read()

    def thread(self, message: Thread | Message) -> Thread:
        """The thread of a message: the one it is in, or the one under it."""
        if isinstance(message, Thread):
            return message
        return Thread(message.channel, message.thread_ts or message.ts)

    async def messages(self, place: Place) -> list[Message]:
        """All this person sees there, oldest first; of a channel its threads, too."""
        if isinstance(place, str):
            params = {"channel": await self._channel(place), "all": "true"}
        else:
            thread = self.thread(place)
            params = {"channel": thread.channel, "thread_ts": thread.ts}
        params["limit"] = "1000"
        return [Message(data) for data in (await self._get("messages", params))["messages"]]

    async def ephemerals(self, place: Place) -> list[Message]:
        """The messages there that only this person sees."""
        return [message for message in await self.messages(place) if message.is_ephemeral]

    async def current(self, message: Message) -> Message:
        """The message as it is now. Raises `PersonError` message_not_found."""
        place = self.thread(message) if message.thread_ts else message.channel
        for found in await self.messages(place):
            if found.ts == message.ts:
                return found
        raise PersonError("message_not_found", "That message is not there any more.", 404)

    async def wait_for(
        self, place: Place, predicate: Callable[[Message], bool], timeout: float = 5.0
    ) -> Message:
        """The first message there that the predicate is true of, now or within `timeout` s.

        Raises `NotSeen` with what was there instead.
        """
        channel = await self._channel(place) if isinstance(place, str) else place.channel
        thread = None if isinstance(place, str) else self.thread(place)
        try:
            async with asyncio.timeout(timeout), self._stream() as events:
                for message in await self.messages(place):
                    if predicate(message):
                        return message
                async for name, data in events:
                    if name in ("message", "message_changed", "reaction"):
                        message = Message(data)
                        if _is_in(message, channel, thread) and predicate(message):
                            return message
        except TimeoutError as error:
            raise NotSeen(await self._what_is_there(place)) from error
        raise NotSeen("The workspace went away.")

    async def wait_gone(self, message: Message, timeout: float = 5.0) -> None:
        """Return when the message has been deleted; raises `NotSeen`."""
        try:
            async with asyncio.timeout(timeout), self._stream() as events:
                if not await self._is_there(message):
                    return
                async for name, data in events:
                    if name == "message_deleted" and data["ts"] == message.ts:
                        return
        except TimeoutError as error:
            raise NotSeen(f"The message is still there: {message.text}") from error

    async def click(
        self,
        message: Message,
        label: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
    ) -> None:
        """Click what is labelled so (emoji and case aside), or has that action_id.

        `block_id` chooses between several of the same name.
        """
        current = await self.current(message)
        control, chosen = find_choice(current.blocks, label, block_id)
        body = {
            "container": {"type": "message", "channel": message.channel, "ts": message.ts},
            "block_id": control.block_id,
            "action_id": control.action_id,
            "value": chosen if value is None else value,
        }
        await self._post("actions", body)

    async def choose(
        self, message: Message, name: str, value: str | list[str], *, block_id: str | None = None
    ) -> None:
        """Choose in a select, by its action_id or placeholder; `value` by label or value.

        Where the app supplies the options, `value` is also what is typed to see them.
        """
        current = await self.current(message)
        control = find_input(current.blocks, name, block_id)
        container = {"type": "message", "channel": message.channel, "ts": message.ts}
        body = {
            "container": container,
            "block_id": control.block_id,
            "action_id": control.action_id,
            "value": await self.chosen(container, control, value),
        }
        await self._post("actions", body)

    async def command(self, command: str, text: str = "", *, channel: str) -> None:
        """Type a slash command."""
        body = {"command": command, "text": text, "channel": await self._channel(channel)}
        await self._post("commands", body)

    async def shortcut(self, callback_id: str, message: Message | None = None) -> None:
        """Use a shortcut, on a message where it is a message shortcut."""
        body: JsonObject = {"callback_id": callback_id}
        if message is not None:
            body |= {"channel": message.channel, "message_ts": message.ts}
        await self._post("shortcuts", body)

    async def modal(
        self,
        timeout: float = 5.0,
        predicate: Callable[[JsonObject], bool] = lambda _view: True,
    ) -> Modal:
        """The modal on top, once there is one that the predicate is true of."""
        try:
            async with asyncio.timeout(timeout), self._stream() as events:
                stack = await self.views()
                if stack and predicate(stack[-1]):
                    return Modal(self, stack[-1])
                async for name, data in events:
                    if name == "views" and data["views"] and predicate(data["views"][-1]):
                        return Modal(self, data["views"][-1])
        except TimeoutError as error:
            titles = [view["title"]["text"] for view in await self.views()]
            raise NotSeen(f"No such modal; open are: {titles}") from error
        raise NotSeen("The workspace went away.")

    async def views(self) -> list[JsonObject]:
        """The open modals, the top last."""
        return list((await self._get("views"))["views"])

    async def open_home(
        self,
        timeout: float = 5.0,
        predicate: Callable[[JsonObject], bool] = lambda _view: True,
        bot: str | None = None,
    ) -> Home:
        """Open the bot's Home tab; gives it once the bot has published one that fits.

        It is that of the bot this person meets, or of the one with the user id `bot`.
        """
        known = {} if bot is None else {"bot": bot}
        try:
            async with asyncio.timeout(timeout), self._stream() as events:
                opened = await self._post("home", {"tab": "home", **known})
                view = (await self._get("home", known))["view"]
                if view is not None and predicate(view):
                    return Home(self, view)
                async for name, data in events:
                    is_its = name == "home" and data["view"]["bot_id"] == opened["bot_id"]
                    if is_its and predicate(data["view"]):
                        return Home(self, data["view"])
        except TimeoutError as error:
            raise NotSeen("The Home tab did not become what was waited for.") from error
        raise NotSeen("The workspace went away.")

    async def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or bring it back. Admins only."""
        await self._administer(channel, "archive" if archived else "unarchive")

    async def remove_bot(self, channel: str) -> None:
        """Take the bot out of a channel."""
        await self._administer(channel, "remove_bot")

    async def add_bot(self, channel: str) -> None:
        """Bring the bot into a channel."""
        await self._administer(channel, "add_bot")

    async def deactivate(self, who: str, *, deleted: bool = True) -> None:
        """Close somebody's account, or open it again. Admins only."""
        await self._post("admin/person", {"who": who, "deleted": deleted})

    async def uninstall_app(self) -> None:
        """Take the app out of the workspace: its tokens are revoked. Admins only."""
        await self._post("admin/app", {"installed": False})

    async def install_app(self) -> None:
        """Let the app in again. Admins only."""
        await self._post("admin/app", {"installed": True})

    async def add_to_slack(self, link: str, *, allow: bool = True, org: bool = False) -> str:
        """Answer what the address `link` asks for: let the app into one's workspace, or not.

        With `org` it is for the whole organisation. Return the address that leads back to it.
        """
        async with self._session.get(link) as page:
            if page.status != 200:
                raise PersonError("not_allowed", await page.text(), page.status)
        known = dict(parse_qsl(urlsplit(link).query))
        said = {"user": self.id, "answer": "allow" if allow else "cancel", "org": str(org).lower()}
        url = f"{self._url}/oauth/v2/authorize"
        async with self._session.post(url, data=known | said, allow_redirects=False) as answer:
            if answer.status != 302:
                raise PersonError("not_allowed", await answer.text(), answer.status)
            return answer.headers["Location"]

    async def chosen(self, container: JsonObject, control: Control, value: Any) -> Any:
        """What was chosen, by label or value, as the page sends it."""
        if not is_external(control.element):
            return as_values(control.element, value)
        if isinstance(value, list):
            return [await self.chosen(container, control, item) for item in value]
        found = await self.suggested(container, control, value)
        return as_option(found, value)

    async def act_on_view(
        self, view: JsonObject, control: Control, value: Any, values: JsonObject
    ) -> None:
        """Click or choose in a view, with what was typed so far."""
        body = {
            "container": {"type": "view", "view_id": view["id"]},
            "block_id": control.block_id,
            "action_id": control.action_id,
            "value": value,
            "values": values,
        }
        await self._post("actions", body)

    async def submit(self, view_id: str, values: JsonObject) -> JsonObject:
        """Submit a modal."""
        return await self._post("views/submit", {"view_id": view_id, "values": values})

    async def close(self, view_id: str) -> None:
        """Close a modal."""
        await self._post("views/close", {"view_id": view_id})

    async def _say(self, body: JsonObject, path: str = "messages") -> Message:
        return Message((await self._post(path, body))["message"])

    async def _administer(self, channel: str, action: str) -> None:
        body = {"channel": await self._channel(channel), "do": action}
        await self._post("admin/channel", body)

    async def _what_is_there(self, place: Place) -> str:
        there = [message.words[:400] for message in (await self.messages(place))[-10:]]
        return "Not seen; the last messages there are:\n" + "\n---\n".join(there)

    async def _is_there(self, message: Message) -> bool:
        try:
            await self.current(message)
        except PersonError:
            return False
        return True

    async def _channel(self, name: str) -> str:
        if name.removeprefix("#") not in self._channels:
            found = (await self._get("workspace"))["channels"]
            self._channels = {c["name"] or "dm": c["id"] for c in found}
        return self._channels.get(name.removeprefix("#"), name)

    async def _get(self, path: str, params: dict[str, str] | None = None) -> JsonObject:
        params = {**({"user": self.id} if self.id else {}), **(params or {})}
        timeout = aiohttp.ClientTimeout(total=_CALL_S)
        url = f"{self._url}/local/{path}"
        async with self._session.get(url, params=params, timeout=timeout) as response:
            return await _answer(response)

    async def _post(self, path: str, body: JsonObject) -> JsonObject:
        timeout = aiohttp.ClientTimeout(total=_CALL_S)
        body = {"user": self.id, **body}
        url = f"{self._url}/local/{path}"
        async with self._session.post(url, json=body, timeout=timeout) as response:
            return await _answer(response)

    @contextlib.asynccontextmanager
    async def _stream(self) -> AsyncIterator[AsyncIterator[tuple[str, JsonObject]]]:
        """What happens from now on; it is open before this is entered."""
        async with self._session.get(
            f"{self._url}/local/events",
            params={"user": self.id},
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_MOST_LINE,
        ) as response:
            await response.content.readline()
            yield _events(response)


def _by_title(prompts: list[JsonObject]) -> dict[str, str]:
    return {prompt["title"]: prompt["message"] for prompt in prompts}


def _read(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


def _is_in(message: Message, channel: str, thread: Thread | None) -> bool:
    if message.channel != channel:
        return False
    return thread is None or thread.ts in (message.thread_ts, message.ts)


async def _answer(response: aiohttp.ClientResponse) -> JsonObject:
    answer: JsonObject = await response.json()
    if not answer["ok"]:
        raise PersonError(answer["error"], answer["message"], response.status)
    return answer


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, JsonObject]]:
    name = ""
    async for line in response.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
