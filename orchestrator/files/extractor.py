"""Reads files in processes of their own, which may fail, hang or be ended without harm."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass

import structlog
from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import SignInPage, UnreadableFile
from orchestrator.files.extract import Extract
from orchestrator.files.file import safe_name
from orchestrator.files.limits import Limits
from orchestrator.files.read import check_size
from orchestrator.settings import Settings

log = structlog.get_logger()

# Each may take a core and its share of memory.
_AT_ONCE = 2
_COMMAND = (sys.executable, "-P", "-m", "orchestrator.files")
_BROKE_OFF = "reading it broke off: it is damaged or takes too much memory."
_KEPT_VARIABLES = ("PATH", "LANG", "SYSTEMROOT", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class _Answer:
    extract: Extract | None = None
    why: str = ""
    cause: str | None = None
    is_sign_in: bool = False


_ANSWER = TypeAdapter(_Answer)


class Extractor:
    """Turns files into extracts; one for the whole process, so that they do not take all of it."""

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    def of(cls, settings: Settings) -> Extractor:
        """One with the limits of the settings."""
        return cls(
            Limits(
                bytes=settings.file_bytes,
                chars=settings.file_chars,
                pages=settings.file_pages,
                rows=settings.file_rows,
                seconds=settings.file_timeout_s,
                memory_bytes=settings.file_memory_mb * 1_000_000,
            )
        )

    async def extract(self, name: str, content: bytes, mimetype: str = "") -> Extract:
        """What is in the file. Raises UnreadableFile, SignInPage."""
        name = safe_name(name)
        check_size(name, len(content), self.limits)
        async with self._turns:
            answer = await self._answer(name, content, mimetype)
        if answer.extract is not None:
            return answer.extract
        log.info("file_not_read", cause=answer.cause, size_bytes=len(content))
        raise (SignInPage if answer.is_sign_in else UnreadableFile)(name, answer.why)

    async def _answer(self, name: str, content: bytes, mimetype: str) -> _Answer:
        header = {"name": name, "mimetype": mimetype, "limits": asdict(self.limits)}
        process = await _started(name)
        try:
            async with asyncio.timeout(self.limits.seconds):
                output, _ = await process.communicate(json.dumps(header).encode() + b"\n" + content)
            return _ANSWER.validate_json(output)
        except TimeoutError:
            return _Answer(why=f"reading it takes longer than {self.limits.seconds:g} seconds.")
        except ValidationError:
            return _Answer(why=_BROKE_OFF, cause=f"exit code {process.returncode}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _started(name: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            # Ctrl-C is for the process that waits; it ends this one.
            start_new_session=True,
        )
    except OSError as error:
        log.warning("file_reader_not_started", error=str(error))
        raise UnreadableFile(name, "no process to read it could be started.") from error


def _environment() -> dict[str, str]:
    """Nothing secret, the same modules, and no threads, each of which reserves memory."""
    kept = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
