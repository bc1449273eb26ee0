"""The lock that makes a process the one at work on a SQLite file."""

from __future__ import annotations

from filelock import FileLock, Timeout

from orchestrator.errors import AlreadyRunning
from orchestrator.store.database import parse, sqlite_path


def lock(url: str) -> FileLock | None:
    """Take the lock of the database; None where many processes may share it.

    Raises AlreadyRunning when another process has it.
    """
    path = sqlite_path(parse(url))
    if path is None:
        return None
    taken = FileLock(f"{path}.lock")
    try:
        taken.acquire(timeout=0)
    except Timeout as error:
        raise AlreadyRunning(
            f"Another process works on {path} already. "
            "Stop it, or set DATABASE_URL to another file."
        ) from error
    return taken
