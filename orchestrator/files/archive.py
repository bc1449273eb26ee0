"""Word and Excel files are zip archives; what is inside is looked at before anything is opened."""

from __future__ import annotations

import io
import zipfile

from orchestrator.files.file import File, size

_ENTRIES = 5_000
# Sheets of numbers reach 50; only what is made to do harm gets beyond.
_RATIO = 200
_RATIO_FROM_BYTES = 10_000_000
_ENCRYPTED = 0x1


def checked_names(file: File) -> set[str]:
    """The names inside. Raises UnreadableFile for an archive that would not fit when unpacked.

    Declared sizes can be relied on: zipfile gives no more bytes of an entry than it declares.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise file.unreadable("it seems to be damaged or not complete.") from error
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise file.unreadable("it is locked with a password.")
    _check_sizes(file, entries)
    return {entry.filename for entry in entries}


def _check_sizes(file: File, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    limit = file.limits.unpacked_bytes
    if len(entries) > _ENTRIES or total > limit:
        raise file.unreadable(
            f"unpacked it would have {size(total)} in {len(entries):,} pieces, "
            f"more than the {size(limit)} in {_ENTRIES:,} pieces that are allowed."
        )
    if total > _RATIO_FROM_BYTES and total > _RATIO * len(file.content):
        raise file.unreadable("it is packed in a way that only harmful files are.")
