"""Files that code made in its container at the service: they are fetched after the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import anthropic
import structlog

from orchestrator.files.file import safe_name
from orchestrator.model import transport
from orchestrator.model.base import MadeFile, Sleep

MOST_FILES = 10
MOST_BYTES = 20_000_000
_TRIES = 2
_DEFAULT_TYPE = "application/octet-stream"
# What an answer that is no file's makes of the SDK, beside the failures of the service.
_FAILURES = (*transport.FAILURES, AttributeError, TypeError, ValueError)

log = structlog.get_logger()


class _TooLarge(ValueError):
    """A file of more bytes than MOST_BYTES."""


class MadeFiles:
    """Fetches files by their ids. What cannot be had is a note for people, never an error."""

    def __init__(self, client: anthropic.AsyncAnthropic, sleep: Sleep):
        self._client = client
        self._sleep = sleep
        self._files: list[MadeFile] = []
        self._notes: list[str] = []

    async def fetch(
        self, ids: Sequence[str], within_s: float
    ) -> tuple[tuple[MadeFile, ...], tuple[str, ...]]:
        """The files with these ids that came within `within_s` seconds, and the notes."""
        try:
            async with asyncio.timeout(within_s):
                for id_ in ids[:MOST_FILES]:
                    await self._fetch(id_, within_s)
        except TimeoutError:
            missing = len(ids[:MOST_FILES]) - len(self._files) - len(self._notes)
            log.warning("model.files_late", missing=missing)
            self._notes.append("There was no time left to fetch all the files that were made.")
        if len(ids) > MOST_FILES:
            self._notes.append(
                f"{len(ids)} files were made; only the first {MOST_FILES} were looked at."
            )
        return tuple(self._files), tuple(self._notes)

    async def _fetch(self, id_: str, within_s: float) -> None:
        retrying = transport.retrying(within_s, self._sleep, transport.retryable, tries=_TRIES)
        try:
            self._files.append(await retrying(self._downloaded, id_))
        except _TooLarge as error:
            self._notes.append(str(error))
        except _FAILURES as error:
            log.warning("model.file_failed", file=id_, error=type(error).__name__)
            self._notes.append("A file that was made could not be fetched.")

    async def _downloaded(self, id_: str) -> MadeFile:
        about = await self._client.files.retrieve_metadata(id_)
        name = safe_name(about.filename)
        if about.size_bytes > MOST_BYTES:
            raise _too_large(name)
        content = bytearray()
        async with self._client.files.with_streaming_response.download(id_) as response:
            async for piece in response.iter_bytes():
                content += piece
                if len(content) > MOST_BYTES:
                    raise _too_large(name)
        return MadeFile(name, bytes(content), about.mime_type or _DEFAULT_TYPE)


def _too_large(name: str) -> _TooLarge:
    megabytes = MOST_BYTES // 1_000_000
    return _TooLarge(f"The file “{name}” is larger than {megabytes} MB and was not kept.")
