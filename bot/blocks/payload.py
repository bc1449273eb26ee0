"""What is sent to Slack: blocks, and the sentence that stands for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]

# Slack takes more, but edits of larger messages are slow and fail now and then.
MOST_BYTES = 9_000


@dataclass(frozen=True, slots=True)
class Payload:
    """A message. `text` says it in one sentence, for notifications and clients without blocks."""

    blocks: list[Block]
    text: str

    @property
    def size(self) -> int:
        """Bytes of UTF-8 of the whole message."""
        content = json.dumps({"blocks": self.blocks, "text": self.text}, ensure_ascii=False)
        return len(content.encode())


def fitting(versions: Iterable[Callable[[], Payload]], most: int = MOST_BYTES) -> Payload:
    """The first version of at most `most` bytes, else the last one.

    `versions` go from the fullest to the briefest. Raises ValueError where there are none.
    """
    payload: Payload | None = None
    for version in versions:
        payload = version()
        if payload.size <= most:
            return payload
    if payload is None:
        raise ValueError("no version of the message")
    return payload
