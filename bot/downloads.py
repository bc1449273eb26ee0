"""Downloads: gets the files that runs wait for out of Slack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from bot.contents import new_file
from bot.conversation import files_of
from bot.refusals import Kind, kind_of
from orchestrator.attachments import Attachments, PendingFile
from orchestrator.commands import NewFile
from orchestrator.errors import NotInstalled
from orchestrator.files.file import safe_name

log = structlog.get_logger(__name__)

Clients = Callable[[str], Awaitable[AsyncWebClient]]
Ready = Callable[[], Awaitable[None]]

_SWEEP_SECONDS = 5.0
_AGAIN_S = 1.0
_AT_ONCE = 4
_TRIES = 4
_SECONDS = 60.0
_CHUNK = 1 << 16
_ELSEWHERE = frozenset({"hidden_by_limit", "tombstone", "external"})


_HOSTS = (".slack.com", ".slack-gov.com")
_MESSAGE = "message:"


def attached_to(channel: str, ts: str) -> NewFile:
    """Stands for whatever is attached to a message, until that has been looked up: Slack does
    not always tell of it together with the message."""
    return NewFile("", "", 0, f"{_MESSAGE}{channel}:{ts}")


class _Unavailable(Exception):
    """The file cannot be had; the words say why and follow its name. `file` is what was found of
    it."""

    file: PendingFile | None = None


class _TryAgain(Exception):
    """It may work a moment later."""


class Downloads:
    """A loop that gets what is pending. `start` it once; `wake` says that there may be more.

    It begins when `ready` returns: whoever waits for a first reply goes before it.
    """

    def __init__(
        self, attachments: Attachments, clients: Clients, ready: Ready, limit_bytes: int
    ) -> None:
        self._attachments = attachments
        self._ready = ready
        self._clients = clients
        self._limit = limit_bytes
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up what an earlier process left, too."""
        self._loop = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look for pending files soon."""
        self._woken.set()

    async def stop(self) -> None:
        """Break off; what is pending is pending still."""
        tasks = [task for task in (self._loop, *self._under_way.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._ready()
            try:
                for file in await self._attachments.pending():
                    self._begin(file)
            except Exception:
                log.exception("pending_files_not_found")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _SWEEP_SECONDS)
            self._woken.clear()

    def _begin(self, file: PendingFile) -> None:
        if file.id in self._under_way:
            return
        task = asyncio.create_task(self._get(file))
        self._under_way[file.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(file.id, None))

    async def _get(self, file: PendingFile) -> None:
        if file.source.startswith(_MESSAGE):
            await self._look_up(file)
            return
        try:
            async with self._places, asyncio.timeout(_SECONDS):
                file, content = await self._downloaded(file)
        except _Unavailable as error:
            await self._refuse(error.file or file, str(error))
        except (TimeoutError, _TryAgain, NotInstalled, aiohttp.ClientError, SlackClientError):
            log.warning("file_not_downloaded", run=file.run_id, exc_info=True)
            await self._refuse(file, "it could not be downloaded from Slack.")
        else:
            await self._attachments.read(file, content)

    async def _look_up(self, file: PendingFile) -> None:
        """Put what is attached to a message in the place of what stands for it."""
        channel, _, ts = file.source.removeprefix(_MESSAGE).partition(":")
        try:
            async with self._places, asyncio.timeout(_SECONDS):
                client = await self._clients(file.team_id)
                found = await client.conversations_replies(channel=channel, ts=ts, limit=1)
        except (TimeoutError, NotInstalled, aiohttp.ClientError, SlackClientError) as error:
            if _passes(error):
                log.warning("message_not_looked_up", run=file.run_id, exc_info=True)
                asyncio.get_running_loop().call_later(_AGAIN_S, self.wake)
                return
            log.warning("message_not_found", run=file.run_id)
            await self._attachments.replace(file, ())
            return
        messages = [m for m in found["messages"] if m["ts"] == ts]
        files = files_of(messages[0]) if messages else ()
        await self._attachments.replace(file, files)
        if files:
            self.wake()

    async def _refuse(self, file: PendingFile, why: str) -> None:
        await self._attachments.refuse(file, f"“{safe_name(file.name)}” was not read: {why}")

    async def _downloaded(self, file: PendingFile) -> tuple[PendingFile, bytes]:
        """Return the file as Slack describes it now, as of some only ids come first, and its
        bytes."""
        client = await self._clients(file.team_id)
        trying = AsyncRetrying(
            retry=retry_if_exception_type((_TryAgain, aiohttp.ClientError)),
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(0.5, max=8),
            reraise=True,
        )
        async for attempt in trying:
            with attempt:
                found, url = await _found(client, file)
                try:
                    return found, await self._fetched(client, url)
                except _Unavailable as error:
                    error.file = found
                    raise
        raise AssertionError("tenacity returns or raises")

    async def _fetched(self, client: AsyncWebClient, url: str) -> bytes:
        """The bytes at `url`. The token goes nowhere but to Slack, so redirects are not followed:
        they lead to a page to sign in."""
        if not _is_slack(url, client.base_url):
            raise _Unavailable("it is not kept by Slack.")
        assert client.session is not None
        headers = {"Authorization": f"Bearer {client.token}"}
        async with client.session.get(url, headers=headers, allow_redirects=False) as response:
            if response.status == 429 or response.status >= 500:
                raise _TryAgain(response.status)
            if response.status != 200:
                raise _Unavailable("Slack does not let me download it.")
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > self._limit:
                    raise _Unavailable(f"it has more than {self._limit // 1_000_000} MB.")
        return bytes(content)


def _passes(error: Exception) -> bool:
    """Whether it is worth asking again a little later."""
    if isinstance(error, NotInstalled):
        return False
    return kind_of(error) in (Kind.PASSING, Kind.WAIT)


async def _found(client: AsyncWebClient, file: PendingFile) -> tuple[PendingFile, str]:
    """Return the file with the name, kind and size that it has, and its address."""
    try:
        info = (await client.files_info(file=file.source))["file"]
    except SlackApiError as error:
        if _passes(error):
            raise _TryAgain from error
        raise _Unavailable("Slack does not show it to me.") from error
    url = info.get("url_private_download") or info.get("url_private")
    if info.get("mode") in _ELSEWHERE or not url:
        raise _Unavailable("it is not kept by Slack.")
    known = new_file({**info, "id": file.source})
    return replace(file, name=known.name, mimetype=known.mimetype, size=known.size), str(url)


def _is_slack(url: str, api: str) -> bool:
    parts, own = urlsplit(url), urlsplit(api)
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    host = f".{parts.hostname or ''}"
    return parts.scheme == "https" and host.endswith(_HOSTS)
