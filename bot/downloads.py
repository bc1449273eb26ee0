"""Downloads: gets the files that runs wait for out of Slack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exception,
    wait_exponential,
    wait_random_exponential,
)

from bot.contents import new_file
from bot.conversation import files_of
from bot.refusals import Kind, asked_to_wait, kind_of
from orchestrator.attachments import Attachments, PendingFile
from orchestrator.commands import NewFile
from orchestrator.errors import NotInstalled
from orchestrator.files.file import safe_name

log = structlog.get_logger(__name__)

Clients = Callable[[str], Awaitable[AsyncWebClient]]
Ready = Callable[[], Awaitable[None]]

_SWEEP_SECONDS = 5.0
# Slack tells of a message twice: as a mention, and with its files. So long the second is waited
# for, looked at after each of these, before Slack is asked for the files.
_TOLD_AFTER_S = (0.0, 0.1, 0.4, 0.5, 1.0)
# How often Slack is asked, and the most seconds in between where it does not say.
_MOST_LOOKS = 5
_MOST_AGAIN_S = 30.0
_AT_ONCE = 4
_TRIES = 4
_SECONDS = 60.0
_CHUNK = 1 << 16
_ELSEWHERE = frozenset({"hidden_by_limit", "tombstone", "external"})


_HOSTS = (".slack.com", ".slack-gov.com")
_MESSAGE = "message:"
_NOT_FOUND = (
    "Slack did not say whether files are attached to this message, so I go on without them. If "
    "there are any, attach them to a new mention."
)


def attached_to(channel: str, ts: str) -> NewFile:
    """Return what stands for all that is attached to a message: Slack does not always tell of
    it together with the message."""
    return NewFile("", "", 0, f"{_MESSAGE}{channel}:{ts}")


class _Unavailable(Exception):
    """The file cannot be had; the words say why and follow its name. `file` is what was found of
    it."""

    file: PendingFile | None = None


class _TryAgain(Exception):
    """It may work a moment later, or, where Slack said so, after `after_s` seconds."""

    def __init__(self, after_s: float = 0.0) -> None:
        super().__init__()
        self.after_s = after_s


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
        """Put what is attached to a message in the place of what stands for it.

        The event of the message tells, to whichever process; where it does not come, Slack is
        asked, and where Slack does not say, the run goes on without.
        """
        try:
            if not await self._is_told(file):
                await self._find(file)
        except (_TryAgain, TimeoutError):
            await self._attachments.refuse(file, _NOT_FOUND)
        self.wake()

    async def _is_told(self, file: PendingFile) -> bool:
        for wait_s in _TOLD_AFTER_S:
            await asyncio.sleep(wait_s)
            if await self._attachments.take_told(file):
                return True
        return False

    async def _find(self, file: PendingFile) -> None:
        """Ask Slack, a few times at most. Raises _TryAgain, TimeoutError."""
        looking = AsyncRetrying(
            retry=retry_if_exception_type((_TryAgain, TimeoutError)),
            stop=stop_after_attempt(_MOST_LOOKS),
            wait=wait_exception(_asked_s) + wait_random_exponential(max=_MOST_AGAIN_S),
            before_sleep=partial(_log_look, file.run_id),
            reraise=True,
        )
        await looking(self._look, file)

    async def _look(self, file: PendingFile) -> None:
        async with asyncio.timeout(_SECONDS):
            if not await self._attachments.take_told(file):
                await self._attachments.replace(file, await self._ask(file))

    async def _ask(self, file: PendingFile) -> tuple[NewFile, ...]:
        """Return what Slack says is attached to the message. Raises _TryAgain."""
        channel, _, ts = file.source.removeprefix(_MESSAGE).partition(":")
        try:
            client = await self._clients(file.team_id)
            found = await client.conversations_replies(channel=channel, ts=ts, limit=1)
        except (NotInstalled, aiohttp.ClientError, SlackClientError) as error:
            if not _passes(error):
                log.warning("message_not_found", run=file.run_id)
                return ()
            after_s = asked_to_wait(error) or 0.0
            raise _TryAgain(after_s) from error
        return next((files_of(m) for m in found["messages"] if m["ts"] == ts), ())

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
                raise _TryAgain
            if response.status != 200:
                raise _Unavailable("Slack does not let me download it.")
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > self._limit:
                    raise _Unavailable(f"it has more than {self._limit // 1_000_000} MB.")
        return bytes(content)


def _asked_s(error: BaseException) -> float:
    """Return the seconds after which Slack wants to be asked again."""
    return error.after_s if isinstance(error, _TryAgain) else 0.0


def _log_look(run_id: str, state: RetryCallState) -> None:
    log.warning("message_not_looked_up", run=run_id, tries=state.attempt_number)


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
