"""Bytes to text, whatever the encoding."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import charset_normalizer

from orchestrator import text
from orchestrator.errors import UnreadableFile
from orchestrator.files.file import File, counted
from orchestrator.files.formats import READABLE

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "cp1252"
# Those in use; of the many others, short texts seem to be in one or another.
_GUESSES = [
    *(_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
]
# More controls than that among the characters are no text.
_CONTROLS = 0.1


@dataclass(frozen=True, slots=True)
class Decoded:
    """Clean text, and a note where its encoding was guessed."""

    text: str
    notes: tuple[str, ...] = ()


def decoded(file: File) -> Decoded:
    """The text of `file`. Raises UnreadableFile for bytes that are none."""
    raw, notes = _raw(file)
    clean = text.clean(raw)
    if len(raw) - len(clean) - raw.count("\r\n") > len(raw) * _CONTROLS:
        raise _no_text(file)
    if not clean.strip():
        raise file.unreadable("there is nothing but white space in it.")
    return Decoded(clean, notes)


def _raw(file: File) -> tuple[str, tuple[str, ...]]:
    for mark, encoding in _MARKS:
        if file.content.startswith(mark):
            return file.content.decode(encoding, "replace"), ()
    try:
        return file.content.decode("utf-8"), ()
    except UnicodeDecodeError:
        return _broken_utf8(file.content) or _guessed(file)


def _broken_utf8(content: bytes) -> tuple[str, tuple[str, ...]] | None:
    """A log with a bad byte here and there, or cut within a character, is UTF-8 all the same."""
    raw = content.decode("utf-8", "replace")
    bad = raw.count("\ufffd")
    good = len(raw) - len(raw.encode("ascii", "ignore")) - bad
    if good < bad * 10:
        return None
    return raw, (f"{counted(bad, 'character')} of it could not be read.",)


def _guessed(file: File) -> tuple[str, tuple[str, ...]]:
    if charset_normalizer.is_binary(file.content):
        raise _no_text(file)
    matches = charset_normalizer.from_bytes(file.content, cp_isolation=_GUESSES)
    best = matches.best()
    if best is None:
        raise _no_text(file)
    # Short texts fit several; where none fits better, it is the one most files are in.
    equal = [match for match in matches if match.chaos <= best.chaos]
    western = any(_WESTERN in match.could_be_from_charset for match in equal)
    encoding = _WESTERN if western else best.encoding
    return file.content.decode(encoding, "replace"), (f"Its encoding is a guess: {encoding}.",)


def _no_text(file: File) -> UnreadableFile:
    return file.unreadable(f"it is of an unknown kind. What can be read: {READABLE}.")
