"""How much of a file is read, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take.

    Of `pages`, `rows` and `chars` the rest is left out and said so; a file over the others is
    refused. `seconds` and `memory_bytes` are those of the process that reads; `unpacked_bytes`
    is what a Word or Excel file may have inside.
    """

    bytes: int = 20_000_000
    chars: int = 200_000
    pages: int = 500
    rows: int = 200_000
    columns: int = 200
    unpacked_bytes: int = 200_000_000
    seconds: float = 30.0
    memory_bytes: int = 1_000_000_000
    # docs.claude.com, vision: longer edges are scaled down there anyway, and a picture may have
    # 5 MB in base64, which is 3.75 MB of bytes.
    image_edge: int = 1568
    image_bytes: int = 3_700_000
    image_pixels: int = 120_000_000
