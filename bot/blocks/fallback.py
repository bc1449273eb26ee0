"""What stands in for blocks that Slack does not take: the same words and the same buttons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from bot import markup
from bot.blocks import text
from bot.blocks.elements import Element, actions, context, paragraph, plain
from bot.blocks.payload import Block, Payload
from bot.contents import content_of

_BUTTONS = frozenset({"actions", "context_actions"})
# Slack takes 3,000 of a section; it does not say of what, so bytes are counted.
_MOST_SECTION = 2_900
_MOST_PLAIN = 9_000
_MOST_WORDS = 3_500
_MOST_IN_ROW = 25
_BARE = ("type", "action_id", "text", "value", "url")
_CUT = "📎 This is the beginning. The whole is attached as a file."


class Form(IntEnum):
    """How much of Block Kit a message still uses, from all of it to none."""

    FULL = 0
    PLAIN = 1
    BARE = 2
    WORDS = 3

    @property
    def next(self) -> Form | None:
        """The plainer form after this one, if there is one."""
        return Form(self + 1) if self < Form.WORDS else None

    def after(self, code: str) -> str:
        """Write down that a message takes this form since Slack refused another with `code`."""
        return f"{code} {self.value}"

    @classmethod
    def of(cls, error: str | None) -> Form:
        """Read what `after` has written; a message without it has its full form."""
        _, _, form = (error or "").partition(" ")
        return cls(int(form)) if form.isdecimal() else cls.FULL


def in_form(payload: Payload, requester: str, form: Form) -> Payload:
    """Return a message in another form; the plainer ones mention the requester."""
    if form is Form.FULL:
        return payload
    opening = f"{text.mention(requester)} {payload.text}"
    if form is Form.WORDS:
        said = text.escape(_beginning(words_of(payload), _MOST_WORDS))
        return Payload([], f"{opening}\n{said}")
    return Payload([paragraph(opening), *_sections(payload, form), *_rows(payload, form)], opening)


def words_of(payload: Payload) -> str:
    """Return all that the blocks of a message say, without its buttons and whom it mentions."""
    blocks = [block for block in payload.blocks if block["type"] not in _BUTTONS]
    if blocks and _opens(blocks[0]):
        del blocks[0]
    return markup.plain(content_of({"blocks": blocks}).everything, {}) or payload.text


def _opens(block: Block) -> bool:
    """Return whether a block only mentions somebody and says what the `text` says as well."""
    return block["type"] == "section" and str(block["text"]["text"]).startswith("<@")


def is_whole(payload: Payload, form: Form) -> bool:
    """Return whether a form holds all that a message says."""
    most = {Form.FULL: None, Form.PLAIN: _MOST_PLAIN, Form.BARE: _MOST_SECTION}
    limit = most.get(form, _MOST_WORDS)
    return limit is None or len(words_of(payload).encode()) <= limit


def _sections(payload: Payload, form: Form) -> Iterator[Block]:
    most = _MOST_PLAIN if form is Form.PLAIN else _MOST_SECTION
    shown = _beginning(words_of(payload), most)
    for piece in text.pieces_of_bytes(shown, _MOST_SECTION):
        yield {"type": "section", "text": plain(piece)}
    if not is_whole(payload, form):
        yield context(_CUT)


def _rows(payload: Payload, form: Form) -> list[Block]:
    rows = [block for block in payload.blocks if block["type"] == "actions"]
    if form is Form.PLAIN:
        return rows
    bare = [_bare(element) for element in _buttons(rows)]
    return [actions(*bare[:_MOST_IN_ROW])] if bare else []


def _buttons(rows: Iterable[Block]) -> Iterator[Element]:
    for row in rows:
        yield from (element for element in row["elements"] if element["type"] == "button")


def _bare(button: Element) -> Element:
    return {name: button[name] for name in _BARE if name in button}


def _beginning(value: str, most: int) -> str:
    """Return the beginning of `value` in at most `most` bytes."""
    return next(text.pieces_of_bytes(value, most), "")
