"""Slack's limits on messages and views, with the error codes Slack answers.

Nothing here knows of a server: each function takes JSON and raises `ApiError`, or returns.
"""

from __future__ import annotations

import json
from typing import Any

from bot.localslack.blocks import HOME, MESSAGE, MODAL, check_blocks
from bot.localslack.errors import ApiError
from bot.localslack.node import PLAIN, Node
from bot.localslack.tables import text_length

MOST_TEXT = 40_000
MOST_UPDATED_TEXT = 4_000
MOST_ATTACHMENTS = 100
MOST_METADATA_BYTES = 16_000
MOST_VIEW_BYTES = 250_000

# Undocumented. Markdown blocks alone fail above 13,297 characters, and a divider beside them
# takes 125 from that (slackapi/bolt-js#2509). Without markdown 9,597 characters in 50 blocks pass
# (slackapi/bolt-js#2867): a block takes 75 at the most.
MOST_BLOCKS_TEXT = 13_297
BESIDE_MARKDOWN = 125
BLOCK_OVERHEAD = 75


def check_message(
    text: str,
    blocks: list[dict[str, Any]] | None,
    attachments: list[dict[str, Any]] | None,
    too_long: str | None = "msg_blocks_too_long",
) -> None:
    """Whether Slack would take such a message; raises `ApiError` where it would not.

    `too_long` is the code for blocks that are too long together; None where there is no limit.
    """
    if not text and not blocks and not attachments:
        raise ApiError("no_text")
    if attachments and len(attachments) > MOST_ATTACHMENTS:
        raise ApiError("too_many_attachments")
    if blocks:
        check_message_blocks(blocks)
    if blocks and too_long:
        check_length(blocks, too_long)


def check_message_blocks(blocks: list[dict[str, Any]]) -> None:
    """Whether Slack would take each of these blocks in a message; raises `ApiError`."""
    problems = check_blocks(blocks, MESSAGE)
    if problems:
        raise ApiError("invalid_blocks", problems)


def check_length(blocks: list[dict[str, Any]], too_long: str) -> None:
    """Whether the blocks of a message are short enough together; raises `ApiError`."""
    has_markdown = any(block["type"] == "markdown" for block in blocks)
    each = BESIDE_MARKDOWN if has_markdown else BLOCK_OVERHEAD
    if text_length(blocks) + each * (len(blocks) - 1) > MOST_BLOCKS_TEXT:
        raise ApiError(too_long)


def check_updated_text(text: str) -> None:
    """chat.update refuses a text that chat.postMessage would still take."""
    if len(text) > MOST_UPDATED_TEXT:
        raise ApiError("msg_too_long")


def cut_text(text: str) -> str:
    """A message's text as Slack keeps it."""
    return text[:MOST_TEXT]


def check_metadata(metadata: Any) -> None:
    """Whether this can be a message's metadata; an empty object removes it.

    A payload of null is taken: assistants of slack_bolt's AsyncApp send it where a person looks
    at no channel.
    """
    if metadata is None or metadata == {}:
        return
    whole = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload", ""), dict | None)
    )
    if not whole:
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > MOST_METADATA_BYTES:
        raise ApiError("metadata_too_large")


def check_modal(view: Any) -> None:
    """Whether `view` can be opened as a modal; raises `ApiError`."""
    node = _view(view, MODAL)
    node.only(
        "type",
        "title",
        "blocks",
        "close",
        "submit",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
        "submit_disabled",
    )
    for name in ("title", "submit", "close"):
        node.text(name, most=24, required=name == "title", kinds=PLAIN)
    blocks = node.value.get("blocks")
    listed = blocks if isinstance(blocks, list) else []
    if "submit" not in node.value and any(
        isinstance(block, dict) and block.get("type") == "input" for block in listed
    ):
        node.error("`submit` is required when an input block is within blocks array")
    _check_focus(node, listed)
    _finish(node)


def check_home(view: Any) -> None:
    """Whether `view` can be published as a Home tab; raises `ApiError`."""
    node = _view(view, HOME)
    node.only("type", "blocks", "private_metadata", "callback_id", "external_id")
    _finish(node)


def _view(view: Any, kind: str) -> Node:
    if not isinstance(view, dict):
        raise ApiError("invalid_arguments", ["[ERROR] must be an object [json-pointer:/view]"])
    if len(json.dumps(view).encode()) > MOST_VIEW_BYTES:
        raise ApiError("view_too_large")
    node = Node(view, "/view", [])
    node.one_of("type", (kind,), required=True)
    node.string("private_metadata", most=3000, least=0)
    node.string("callback_id", most=255, least=0)
    node.string("external_id", most=255, least=0)
    if node.has("blocks", required=True):
        node.problems.extend(check_blocks(view["blocks"], kind, "/view/blocks"))
    return node


def _check_focus(node: Node, blocks: list[Any]) -> None:
    focused = 0
    for block in blocks:
        element = block.get("element") if isinstance(block, dict) else None
        focused += isinstance(element, dict) and element.get("focus_on_load") is True
    if focused > 1:
        node.error("only one element may have `focus_on_load`", "blocks")


def _finish(node: Node) -> None:
    if node.problems:
        raise ApiError("invalid_arguments", node.problems)
