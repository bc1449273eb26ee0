"""What a message of Slack says: its text, blocks, attachments, forwarded messages and files.

Whatever JSON comes in, words come out, or nothing: what is not as Slack documents it is passed
over. Pure: names behind ids are looked up by others (`bot.people`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot import markup
from bot.markup import Kind, Piece, Reference, Words, is_blank, joined, parse, quoted, unescape
from orchestrator.commands import NewFile

JsonObject = Mapping[str, Any]
Messages = tuple[JsonObject, ...]

# How deep blocks and forwarded messages are looked into.
_DEEPEST = 8
_UNKNOWN_KIND = "application/octet-stream"
# What Slack puts where it has nothing to say.
_PLACEHOLDERS = frozenset(
    {
        "[no preview available]",
        "This content can't be displayed.",
        "This message contains interactive elements.",
    }
)


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message: what its author wrote (`own`), what came along (`along`:
    forwarded messages, attachments of apps), previews of links, which come later, and files."""

    own: Words = ()
    along: Words = ()
    previews: Words = ()
    files: tuple[NewFile, ...] = ()

    @property
    def said(self) -> Words:
        """All that the message says by itself."""
        return joined((self.own, self.along), "\n\n")

    @property
    def everything(self) -> Words:
        """All that is to be read there, previews of links too."""
        return joined((self.own, self.along, self.previews), "\n\n")


def content_of(message: object) -> Content:
    """Read a message, as events and Slack's history have it."""
    found = _object(message)
    if found.get("subtype") == "tombstone":
        return Content()
    own = _merged(parse(_string(found.get("text"))), _blocks(found.get("blocks"), 0))
    attachments = [_object(item) for item in _list(found.get("attachments"))]
    lasting = [item for item in attachments if not _is_preview(item)]
    previews = [item for item in attachments if _is_preview(item)]
    return Content(
        own=own,
        along=joined((_attachment(item, 0) for item in lasting), "\n\n"),
        previews=joined((_attachment(item, 0) for item in previews), "\n\n"),
        files=_distinct(_files(found, 0)),
    )


def author_of(message: object) -> Piece:
    """Name who a message is from: a person by reference, an app by its name."""
    found = _object(message)
    profile = _object(found.get("bot_profile"))
    app = _string(found.get("username")) or _string(profile.get("name"))
    user = _string(found.get("user"))
    if user and not (app and found.get("subtype") == "bot_message"):
        return Reference(Kind.USER, user, app)
    return f"{markup.clean_name(unescape(app)) or 'An app'} (app)"


# --- words from any JSON -------------------------------------------------------------------------


def _object(value: object) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _merged(said: Words, shown: Words) -> Words:
    """The text of a message and its blocks: usually one has what the other has, in other words."""
    if is_blank(shown):
        return said
    wanted, there = _tokens(said), _tokens(shown)
    missing = wanted - there
    if len(missing) * 4 <= len(wanted) or markup.plain(said, {}) in _PLACEHOLDERS:
        return shown
    if not there - wanted:
        return said
    return joined((said, shown), "\n")


_EMOJI = re.compile(r":[a-z0-9_+'-]+:")


def _tokens(words: Words) -> frozenset[str]:
    """The words and ids in it, without emoji, which are written in several ways."""
    said = "".join(w if isinstance(w, str) else f" {w.id} " for w in words)
    return frozenset(re.findall(r"\w+", _EMOJI.sub(" ", said).lower()))


# --- blocks --------------------------------------------------------------------------------------


def _blocks(blocks: object, depth: int) -> Words:
    return joined((_block(block, depth) for block in _list(blocks)), "\n")


def _block(value: object, depth: int) -> Words:
    """What a block, or an element of one, says."""
    block = _object(value)
    if depth > _DEEPEST:
        return ()
    read = _READERS.get(_string(block.get("type")), _unknown)
    return read(block, depth + 1)


def _text(value: object, depth: int) -> Words:
    """Text where Slack takes some: a string, a text object or rich text."""
    if isinstance(value, str):
        return parse(value)
    return _block(value, depth) if isinstance(value, Mapping) else ()


def _mrkdwn(block: JsonObject, depth: int) -> Words:
    return _text(block.get("text"), depth)


def _plain_text(block: JsonObject, _depth: int) -> Words:
    said = unescape(_string(block.get("text")))
    return (said,) if said else ()


def _section(block: JsonObject, depth: int) -> Words:
    fields = [_text(field, depth) for field in _list(block.get("fields"))]
    parts = [_text(block.get("text"), depth), *fields, _block(block.get("accessory"), depth)]
    return joined(parts, "\n")


def _context(block: JsonObject, depth: int) -> Words:
    return joined((_text(element, depth) for element in _list(block.get("elements"))), " ")


def _actions(block: JsonObject, depth: int) -> Words:
    return joined((_block(element, depth) for element in _list(block.get("elements"))), "\n")


def _button(block: JsonObject, depth: int) -> Words:
    """A button that leads somewhere; what others do, only who clicks them knows."""
    url = _string(block.get("url"))
    label = markup.plain(_text(block.get("text"), depth), {})
    return (markup.link(url, label),) if url else ()


def _raw_number(block: JsonObject, _depth: int) -> Words:
    value = block.get("text", block.get("value"))
    return (str(value),) if isinstance(value, str | int | float) else ()


# What people can choose from says little of a message.
_CHOICES = (
    *(f"{what}_select" for what in ("static", "external", "users", "conversations", "channels")),
    *(f"multi_{what}_select" for what in ("static", "external", "users", "conversations")),
    "multi_channels_select",
    "overflow",
    "datepicker",
    "timepicker",
    "datetimepicker",
    "workflow_button",
    "plain_text_input",
)


def _nothing(_block: JsonObject, _depth: int) -> Words:
    return ()


def _table(block: JsonObject, depth: int) -> Words:
    rows = (
        joined((_text(cell, depth) or ("–",) for cell in _list(row)), " | ")
        for row in _list(block.get("rows"))
    )
    return joined(rows, "\n")


def _image(block: JsonObject, depth: int) -> Words:
    said = joined((_text(block.get("title"), depth), _literal(block.get("alt_text"))), ": ")
    return ("[image: ", *said, "]") if said else ()


def _video(block: JsonObject, depth: int) -> Words:
    title = markup.plain(_text(block.get("title"), depth), {})
    url = _string(block.get("title_url")) or _string(block.get("video_url"))
    head = (markup.link(url, title),) if url else (title,)
    author = _literal(block.get("author_name"))
    about = _text(block.get("description"), depth) or _literal(block.get("alt_text"))
    return joined((head, author, about), "\n")


def _card(block: JsonObject, depth: int) -> Words:
    said = [_text(block.get(key), depth) for key in ("title", "subtitle", "body", "text")]
    links = [_block(action, depth) for action in _list(block.get("actions"))]
    return joined([*said, *links], "\n")


def _plan(block: JsonObject, depth: int) -> Words:
    tasks = [_block(task, depth) for task in _list(block.get("tasks"))]
    return joined([_text(block.get("title"), depth), *tasks], "\n")


def _task_card(block: JsonObject, depth: int) -> Words:
    status = _literal(block.get("status"))
    head = joined((_text(block.get("title"), depth), status and (f"({status[0]})",)), " ")
    parts = [_text(block.get(key), depth) for key in ("details", "output")]
    sources = [_source(_object(source)) for source in _list(block.get("sources"))]
    return joined([head and ("- ", *head), *parts, *sources], "\n")


def _source(source: JsonObject) -> Words:
    url = _string(source.get("url"))
    return (markup.link(url, _string(source.get("text"))),) if url else ()


def _call(block: JsonObject, _depth: int) -> Words:
    call = _object(_object(block.get("call")).get("v1"))
    name = _string(call.get("name")) or "call"
    return (f"[{markup.link(_string(call.get('join_url')), name)}]",)


def _file(block: JsonObject, _depth: int) -> Words:
    file = _object(block.get("file"))
    name = _string(file.get("title")) or _string(file.get("name"))
    return (f"[file: {name}]",) if name else ()


def _literal(value: object) -> Words:
    said = unescape(_string(value))
    return (said,) if said.strip() else ()


_SAID_IN = (
    *("text", "title", "subtitle", "label", "description"),
    *("body", "caption", "name", "alt_text", "fallback"),
)
# Blocks that old clients show in the place of what is said in new ones.
_STAND_INS = ("fallback", "fallback_blocks")


def _unknown(block: JsonObject, depth: int) -> Words:
    """Whatever a block that is not known here holds: all text in it, in its order."""
    return joined(_found(block, depth), "\n")


def _found(block: JsonObject, depth: int) -> Iterator[Words]:
    if isinstance(block.get("value"), int | float):
        yield (f"{_string(block.get('label'))}: {block['value']}".removeprefix(": "),)
        return
    for key, value in block.items():
        if isinstance(value, str):
            if key in _SAID_IN:
                yield parse(value)
        elif key not in _STAND_INS:
            yield _found_in(value, depth)


def _found_in(value: object, depth: int) -> Words:
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, list) for item in items):
        return _table({"rows": items}, depth)
    return joined((_block(item, depth) for item in items if isinstance(item, Mapping)), "\n")


# --- rich text -----------------------------------------------------------------------------------


def _rich_text(block: JsonObject, depth: int) -> Words:
    parts = [_block(element, depth) for element in _list(block.get("elements"))]
    return joined((_without_last_break(part) for part in parts), "\n")


def _without_last_break(words: Words) -> Words:
    """A paragraph before a list may end its own last line."""
    if words and isinstance(words[-1], str):
        return (*words[:-1], words[-1].removesuffix("\n"))
    return words


def _rich_section(block: JsonObject, depth: int) -> Words:
    return tuple(
        piece for element in _list(block.get("elements")) for piece in _inline(element, depth)
    )


def _rich_quote(block: JsonObject, depth: int) -> Words:
    return quoted(_without_last_break(_rich_section(block, depth)))


def _rich_preformatted(block: JsonObject, depth: int) -> Words:
    said = _rich_section({"elements": _unstyled(block)}, depth)
    return ("```\n", *_without_last_break(said), "\n```") if not is_blank(said) else ()


def _unstyled(block: JsonObject) -> list[JsonObject]:
    return [{**_object(item), "style": None} for item in _list(block.get("elements"))]


def _rich_list(block: JsonObject, depth: int) -> Words:
    indent = "  " * min(_whole(block.get("indent")), _DEEPEST)
    first = _whole(block.get("offset")) + 1
    is_ordered = block.get("style") == "ordered"
    return joined(
        (
            (indent, f"{first + number}. " if is_ordered else "• ", *_block(item, depth))
            for number, item in enumerate(_list(block.get("elements")))
        ),
        "\n",
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1_000_000 else 0


_STYLES = (("code", "`"), ("strike", "~"), ("italic", "_"), ("bold", "*"))


def _inline(value: object, depth: int) -> Words:
    """A piece of a paragraph: here text has no escapes."""
    element = _object(value)
    match element.get("type"):
        case "text":
            return _styled(_string(element.get("text")), _object(element.get("style")))
        case "link":
            return (markup.link(_string(element.get("url")), _string(element.get("text"))),)
        case "user":
            return _reference(Kind.USER, element.get("user_id"))
        case "usergroup":
            return _reference(Kind.GROUP, element.get("usergroup_id"))
        case "channel":
            return _reference(Kind.CHANNEL, element.get("channel_id"))
        case "broadcast":
            return (markup.broadcast(_string(element.get("range")) or "everyone"),)
        case "emoji":
            return (_emoji(element),)
        case "date":
            return (_string(element.get("fallback")) or _moment(element.get("timestamp")),)
        case "color" | "team":
            return (_string(element.get("value")) or _string(element.get("team_id")),)
    return _block(element, depth)


def _reference(kind: Kind, id_: object) -> Words:
    return (Reference(kind, id_),) if isinstance(id_, str) and id_ else ()


def _styled(said: str, style: JsonObject) -> Words:
    """Text with the marks that people type for its style."""
    inner = said.strip()
    if not inner:
        return (said,) if said else ()
    begin, end = said[: len(said) - len(said.lstrip())], said[len(said.rstrip()) :]
    for name, mark in _STYLES:
        if style.get(name) is True:
            inner = f"{mark}{inner}{mark}"
    return (f"{begin}{inner}{end}",)


def _emoji(element: JsonObject) -> str:
    try:
        points = [int(point, 16) for point in _string(element.get("unicode")).split("-")]
        return "".join(map(chr, points))
    except (ValueError, OverflowError):
        name = _string(element.get("name"))
        return f":{name}:" if name else ""


def _moment(value: object) -> str:
    return markup.moment(value) if isinstance(value, int | float) else ""


_Reader = Callable[[JsonObject, int], Words]
_READERS: Mapping[str, _Reader] = {
    "mrkdwn": _mrkdwn,
    "plain_text": _plain_text,
    "raw_text": _plain_text,
    "markdown": _mrkdwn,
    "header": _mrkdwn,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "button": _button,
    "context_actions": _nothing,
    "divider": _nothing,
    "raw_number": _raw_number,
    **dict.fromkeys(_CHOICES, _nothing),
    "table": _table,
    "image": _image,
    "video": _video,
    "card": _card,
    "plan": _plan,
    "task_card": _task_card,
    "call": _call,
    "file": _file,
    "rich_text": _rich_text,
    "rich_text_section": _rich_section,
    "rich_text_list": _rich_list,
    "rich_text_quote": _rich_quote,
    "rich_text_preformatted": _rich_preformatted,
    "text": _inline,
    "link": _inline,
    "user": _inline,
    "usergroup": _inline,
    "channel": _inline,
    "broadcast": _inline,
    "emoji": _inline,
    "date": _inline,
}


# --- attachments and forwarded messages ----------------------------------------------------------


def _is_preview(attachment: JsonObject) -> bool:
    """Whether it was made from a link in the message: it may come with a later event."""
    if _is_forwarded(attachment):
        return False
    keys = ("from_url", "original_url", "app_unfurl_url", "is_app_unfurl")
    return any(attachment.get(key) for key in keys)


def _is_forwarded(attachment: JsonObject) -> bool:
    keys = ("is_share", "is_msg_unfurl", "is_reply_unfurl", "is_thread_root_unfurl")
    return bool(any(attachment.get(key) for key in keys) or attachment.get("message_blocks"))


def _attachment(attachment: JsonObject, depth: int) -> Words:
    if depth > _DEEPEST:
        return ()
    if _is_forwarded(attachment):
        return _forwarded(attachment, depth + 1)
    shown = _blocks(attachment.get("blocks"), depth + 1)
    said = joined(_parts(attachment), "\n")
    inner = _nested(attachment, depth + 1)
    both = joined((_merged(said, shown), *inner), "\n")
    return both if not is_blank(both) else _fallback(attachment)


def _parts(attachment: JsonObject) -> Iterator[Words]:
    """What an attachment without blocks says, in the order in which Slack shows it."""
    yield parse(_string(attachment.get("pretext")))
    for key in ("service_name", "author_name", "author_subname"):
        yield _literal(attachment.get(key))
    yield _title(attachment)
    yield parse(_string(attachment.get("text")))
    for field in map(_object, _list(attachment.get("fields"))):
        named = parse(_string(field.get("title"))), parse(_string(field.get("value")))
        yield joined(named, ": ")
    for action in map(_object, _list(attachment.get("actions"))):
        yield _button(action, 0)
    yield _literal(attachment.get("footer"))


def _title(attachment: JsonObject) -> Words:
    title, url = parse(_string(attachment.get("title"))), _string(attachment.get("title_link"))
    if not url:
        return title
    return (markup.link(unescape(url), markup.plain(title, {})),)


def _fallback(attachment: JsonObject) -> Words:
    said = parse(_string(attachment.get("fallback")))
    return () if markup.plain(said, {}) in _PLACEHOLDERS else said


def _forwarded(attachment: JsonObject, depth: int) -> Words:
    """A message that was forwarded, with who wrote it and where."""
    whole = {**attachment, **_object(attachment.get("message"))}
    said = joined(_parts({**whole, **_NO_ORIGIN}), "\n")
    shown = _merged(said, _forwarded_blocks(whole, depth))
    files = ((f"[file: {file.name}]",) for file in _distinct(_files(attachment, depth)))
    body = joined((shown, *_nested(whole, depth), *files), "\n") or _fallback(whole)
    return ("[Forwarded message", *_origin(whole), "]\n", *quoted(body or _UNREADABLE))


# A forwarded message has its author and place in its heading.
_NO_ORIGIN = {"author_name": "", "author_subname": "", "service_name": "", "footer": ""}
_UNREADABLE: Words = ("(nothing that can be read here)",)


def _forwarded_blocks(attachment: JsonObject, depth: int) -> Words:
    items = map(_object, _list(attachment.get("message_blocks")))
    shown = joined((_forwarded_part(item, depth) for item in items), "\n")
    return shown or _blocks(attachment.get("blocks"), depth)


def _forwarded_part(item: JsonObject, depth: int) -> Words:
    """Blocks in an envelope that says where they are from, or without one."""
    if "message" in item:
        return _blocks(_object(item["message"]).get("blocks"), depth)
    return _block(item, depth)


def _origin(attachment: JsonObject) -> Iterator[Piece]:
    name = _string(attachment.get("author_name")) or _string(attachment.get("author_subname"))
    if author := _string(attachment.get("author_id")):
        yield " from "
        yield Reference(Kind.USER, author, unescape(name))
    elif name:
        yield f" from {markup.clean_name(unescape(name))}"
    if channel := _string(attachment.get("channel_id")):
        yield " in "
        yield Reference(Kind.CHANNEL, channel, _string(attachment.get("channel_name")))
    if posted := seconds(attachment.get("ts")):
        yield f", {markup.moment(posted)}"


def _nested(attachment: JsonObject, depth: int) -> Iterable[Words]:
    """Attachments of a forwarded message."""
    return (_attachment(_object(item), depth) for item in _list(attachment.get("attachments")))


# --- files ---------------------------------------------------------------------------------------


def _files(message: JsonObject, depth: int) -> Iterator[NewFile]:
    """The files of a message, of its blocks, and of what is forwarded or attached with it."""
    if depth > _DEEPEST:
        return
    blocks = (_object(block).get("file") for block in _list(message.get("blocks")))
    for file in map(_object, [*_list(message.get("files")), message.get("file"), *blocks]):
        if isinstance(file.get("id"), str) and file["id"]:
            yield new_file(file)
    inside = [message.get("message"), *_list(message.get("message_blocks"))]
    for part in map(_object, [*_list(message.get("attachments")), *inside]):
        yield from _files(part, depth + 1)


def _distinct(files: Iterable[NewFile]) -> tuple[NewFile, ...]:
    """Each file once, as it is described best."""
    found: dict[str, NewFile] = {}
    for file in files:
        if file.source not in found or found[file.source].mimetype == _UNKNOWN_KIND:
            found[file.source] = file
    return tuple(found.values())


def new_file(file: JsonObject) -> NewFile:
    """Read a file as events, history and files.info describe it; it must have an id."""
    size = file.get("size")
    return NewFile(
        name=_string(file.get("name")) or _string(file.get("title")) or "file",
        mimetype=_string(file.get("mimetype")) or _UNKNOWN_KIND,
        size=size if isinstance(size, int) and size > 0 else 0,
        source=file["id"],
    )


# --- threads -------------------------------------------------------------------------------------

_UNREAD = "[Thread: it could not be read, so what was said in it before is not known here.]"
_PARTLY = "[Thread: {left} of its {all} messages were left out.]"
_NOTE = re.compile(r"\[Thread: (it could not be|[\d,]+ of its [\d,]+ messages)[^\[\]\n]*\]")


@dataclass(frozen=True, slots=True)
class Thread:
    """What was read of a thread, oldest first; `left_out` messages are missing after the first
    one or, where it `ends_early`, at the end."""

    messages: Messages = ()
    left_out: int = 0
    ends_early: bool = False
    is_read: bool = True

    def note(self, cut: int = 0) -> str:
        """Say what is missing, in one line, `cut` more messages among it; empty if nothing is."""
        if not self.is_read:
            return _UNREAD
        left, total = self.left_out + cut, len(self.messages) + self.left_out
        return _PARTLY.format(left=f"{left:,}", all=f"{total:,}") if left else ""


def note_in(context: str) -> str:
    """Return for people what is missing of the thread that a context was made from."""
    found = _NOTE.match(context)
    if found is None:
        return ""
    if found[1].startswith("it"):
        return "I could not read this thread just now, so I go by your message alone."
    return f"This thread is long: {found[1]} are not in what I read."


def time_of(message: JsonObject) -> float:
    """Return when a message was posted, in seconds of the epoch; 0 where it does not say."""
    return seconds(message.get("ts"))


def seconds(ts: object) -> float:
    """Read a time as Slack writes it; 0 where it is none."""
    try:
        found = float(ts) if isinstance(ts, str | int | float) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0
