"""The process that reads one file: `python -m orchestrator.files`, a request in, an answer out.

What comes in may be made to harm who reads it, so this process has no secrets, limits to what it
may take, and nobody misses it when it ends.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from dataclasses import asdict

from orchestrator.errors import SignInPage, UnreadableFile
from orchestrator.files.limits import Limits
from orchestrator.files.read import read


def main() -> None:
    """Answer the one request: a line of JSON, then the bytes of the file."""
    request = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**request["limits"])
    _limit(limits)
    answer = _answer(request["name"], request["mimetype"], limits)
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def _answer(name: str, mimetype: str, limits: Limits) -> dict[str, object]:
    try:
        content = sys.stdin.buffer.read(limits.bytes + 1)
        return {"extract": asdict(read(name, content, mimetype, limits))}
    except MemoryError:
        return {"why": "reading it takes too much memory.", "cause": "MemoryError"}
    except UnreadableFile as error:
        cause = type(error.__cause__).__name__ if error.__cause__ else None
        return {"why": error.why, "cause": cause, "is_sign_in": isinstance(error, SignInPage)}


def _limit(limits: Limits) -> None:
    if sys.platform == "win32":
        return
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        # Whoever started this may be gone by the time it should be ended.
        (resource.RLIMIT_CPU, math.ceil(limits.seconds) + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        # Some systems know a limit by name only.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
