"""What Slack demands of blocks, one check for each type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.localslack import elements, tables
from bot.localslack.node import ANY_TEXT, PLAIN, Node, nodes
from bot.localslack.rich_text import check_rich_text

MESSAGE = "message"
MODAL = "modal"
HOME = "home"

MOST_BLOCKS = {MESSAGE: 50, MODAL: 100, HOME: 100}
MOST_MARKDOWN = 12_000
MOST_TASKS = 50
_STATUSES = ("pending", "in_progress", "complete", "error")


def check_blocks(blocks: Any, surface: str, pointer: str = "/blocks") -> list[str]:
    """What is wrong with the blocks of a message, a modal or a Home tab."""
    problems: list[str] = []
    found = nodes(blocks, pointer, problems, 0, MOST_BLOCKS[surface])
    for node in found:
        _check_block(node, surface)
    _check_ids(_with_nested(found))
    _check_together(found)
    return problems


def _check_block(node: Node, surface: str) -> None:
    known = _BLOCKS.get(node.type)
    if known is None:
        node.error(f"unsupported type: {node.type or 'none'}", "type")
        return
    surfaces, check = known
    if surface not in surfaces:
        node.error(f"{node.type} is not allowed in a {surface}", "type")
        return
    node.string("block_id", most=255)
    check(node)


def _check_ids(found: list[Node]) -> None:
    seen: set[str] = set()
    for node in found:
        block_id = node.value.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                node.error(f"`block_id` {block_id} already exists", "block_id")
            seen.add(block_id)
        _check_action_ids(node)


def _check_action_ids(node: Node) -> None:
    listed = node.value.get("elements")
    if node.type not in ("actions", "context_actions") or not isinstance(listed, list):
        return
    ids = [item.get("action_id") for item in listed if isinstance(item, dict)]
    given = [action_id for action_id in ids if action_id is not None]
    for action_id in {repeated for repeated in given if given.count(repeated) > 1}:
        node.error(f"`action_id` {action_id} already exists in this block", "elements")


def _check_together(found: list[Node]) -> None:
    """Rules about the blocks of one message taken together."""
    if not found:
        return
    types = [node.type for node in found]
    markdown = sum(len(str(node.value.get("text"))) for node in found if node.type == "markdown")
    if markdown > MOST_MARKDOWN:
        found[0].error(f"markdown blocks together must be at most {MOST_MARKDOWN} characters")
    if types.count("table") > 1:
        found[types.index("table")].error("only_one_table_allowed", "type")
    if "plan" in types and "task_card" in types:
        found[types.index("task_card")].error("plan and task_card exclude each other", "type")
    charts = [node for node in found if node.type == "data_visualization"]
    for node in charts[tables.MOST_CHARTS :]:
        node.error(f"no more than {tables.MOST_CHARTS} data_visualization blocks allowed", "type")
    _check_task_ids([node for node in found if node.type == "task_card"])


def _with_nested(found: list[Node]) -> list[Node]:
    every = list(found)
    for node in found:
        for name in ("child_blocks", "tasks"):
            for index, item in enumerate(node.value.get(name) or []):
                if isinstance(item, dict):
                    every.append(Node(item, f"{node.pointer}/{name}/{index}", node.problems))
    return every


def _section(node: Node) -> None:
    node.only("type", "block_id", "text", "fields", "accessory", "expand")
    if "text" not in node.value and "fields" not in node.value:
        node.error("must define either `text` or `fields`")
    node.text("text", most=3000)
    for field in node.children("fields", most=10):
        field.as_text(most=2000)
    accessory = node.child("accessory")
    if accessory is None:
        return
    if accessory.type == "image":
        elements.check_image(accessory)
    else:
        elements.check_element(accessory, elements.SECTION)


def _header(node: Node) -> None:
    node.only("type", "block_id", "text")
    node.text("text", most=150, required=True, kinds=PLAIN)


def _divider(node: Node) -> None:
    node.only("type", "block_id")


def _context(node: Node) -> None:
    node.only("type", "block_id", "elements")
    for element in node.children("elements", most=10, required=True):
        if element.type == "image":
            elements.check_image(element)
        else:
            element.as_text(most=3000, kinds=ANY_TEXT)


def _actions(node: Node) -> None:
    node.only("type", "block_id", "elements")
    for element in node.children("elements", most=25, required=True):
        elements.check_element(element, elements.ACTIONS)


def _context_actions(node: Node) -> None:
    node.only("type", "block_id", "elements")
    for element in node.children("elements", most=5, required=True):
        elements.check_element(element, elements.CONTEXT_ACTIONS)


def _image(node: Node) -> None:
    elements.check_image(node, "title", "block_id")
    node.text("title", most=2000, kinds=PLAIN)


def _input(node: Node) -> None:
    node.only("type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
    node.text("label", most=2000, required=True, kinds=PLAIN)
    node.text("hint", most=2000, kinds=PLAIN)
    node.flag("optional")
    node.flag("dispatch_action")
    element = node.child("element", required=True)
    if element is not None:
        elements.check_element(element, elements.INPUT)


def _rich_text(node: Node) -> None:
    check_rich_text(node)


def _markdown(node: Node) -> None:
    node.only("type", "block_id", "text")
    node.string("text", most=MOST_MARKDOWN, required=True)


def _plan(node: Node) -> None:
    node.only("type", "block_id", "title", "tasks")
    node.string("title", required=True)
    tasks = node.children("tasks", least=0, most=MOST_TASKS)
    for task in tasks:
        # The plan of Slack's own reference has tasks without a type.
        if task.type not in ("task_card", ""):
            task.error("a plan holds task_card only", "type")
            continue
        _task_card(task)
    _check_task_ids(tasks)


def _task_card(node: Node) -> None:
    node.only(
        "type",
        "block_id",
        "task_id",
        "title",
        "details",
        "output",
        "sources",
        "status",
        "icon",
        "hide_title",
    )
    node.string("block_id", most=255)
    node.string("task_id", most=255, required=True)
    node.string("title", required=True)
    node.one_of("status", _STATUSES)
    for name in ("details", "output"):
        _check_task_text(node, name)
    for source in node.children("sources", least=0, most=100):
        source.only("type", "url", "text")
        source.one_of("type", ("url",), required=True)
        source.url("url", required=True)
        source.string("text", required=True)


def _check_task_text(node: Node, name: str) -> None:
    text = node.child(name)
    if text is None:
        return
    if text.type != "rich_text":
        text.error("must be a rich_text", "type")
        return
    check_rich_text(text, exactly=1)


def _check_task_ids(tasks: list[Node]) -> None:
    seen: set[Any] = set()
    for task in tasks:
        task_id = task.value.get("task_id")
        if task_id is not None and task_id in seen:
            task.error(f"`task_id` {task_id} already exists", "task_id")
        seen.add(task_id)


def _alert(node: Node) -> None:
    node.only("type", "block_id", "text", "level")
    node.text("text", most=3000, required=True)
    node.one_of("level", ("default", "info", "warning", "error", "success"))


def _card(node: Node) -> None:
    node.only("type", "block_id", "hero_image", "icon", "title", "subtitle", "body", "actions")
    if not {"hero_image", "title", "actions", "body"} & set(node.value):
        node.error("must define one of `hero_image`, `title`, `actions` or `body`")
    node.text("title", most=150)
    node.text("subtitle", most=150)
    node.text("body", most=200)
    for name in ("hero_image", "icon"):
        image = node.child(name)
        if image is not None:
            elements.check_image(image)
    for action in node.children("actions", most=5):
        elements.check_element(action, elements.CARD)


def _carousel(node: Node) -> None:
    node.only("type", "block_id", "elements")
    for card in node.children("elements", most=10, required=True):
        _card(card)


def _container(node: Node) -> None:
    node.only(
        "type",
        "block_id",
        "title",
        "rich_text_title",
        "subtitle",
        "child_blocks",
        "width",
        "icon",
        "is_collapsible",
        "default_collapsed",
        "has_header_divider",
    )
    if "title" not in node.value and "rich_text_title" not in node.value:
        node.error("must define either `title` or `rich_text_title`")
    node.text("title", most=150, kinds=PLAIN)
    node.text("subtitle", most=150)
    node.one_of("width", ("narrow", "standard", "wide", "full"))
    for block in node.children("child_blocks", most=10, required=True):
        if block.type in ("container", "plan", "table"):
            block.error(f"{block.type} is not allowed in a container", "type")
        else:
            _check_block(block, MESSAGE)


def _video(node: Node) -> None:
    node.only(
        "type",
        "block_id",
        "alt_text",
        "author_name",
        "description",
        "provider_icon_url",
        "provider_name",
        "title",
        "title_url",
        "thumbnail_url",
        "video_url",
    )
    node.string("alt_text", required=True)
    node.string("author_name", most=49)
    node.string("provider_name")
    node.text("title", most=199, required=True, kinds=PLAIN)
    node.text("description", most=199, kinds=PLAIN)
    for name in ("thumbnail_url", "video_url"):
        node.url(name, required=True)
    for name in ("title_url", "provider_icon_url"):
        node.url(name)


def _file(node: Node) -> None:
    node.only("type", "block_id", "external_id", "source")
    node.string("external_id", required=True)
    node.one_of("source", ("remote",), required=True)


_BLOCKS: dict[str, tuple[tuple[str, ...], Callable[[Node], None]]] = {
    "section": ((MESSAGE, MODAL, HOME), _section),
    "header": ((MESSAGE, MODAL, HOME), _header),
    "divider": ((MESSAGE, MODAL, HOME), _divider),
    "context": ((MESSAGE, MODAL, HOME), _context),
    "actions": ((MESSAGE, MODAL, HOME), _actions),
    "image": ((MESSAGE, MODAL, HOME), _image),
    "rich_text": ((MESSAGE, MODAL, HOME), _rich_text),
    "input": ((MODAL, HOME), _input),
    "video": ((MESSAGE, MODAL, HOME), _video),
    "alert": ((MODAL,), _alert),
    "context_actions": ((MESSAGE,), _context_actions),
    "markdown": ((MESSAGE,), _markdown),
    "plan": ((MESSAGE,), _plan),
    "task_card": ((MESSAGE,), _task_card),
    "table": ((MESSAGE,), tables.check_table),
    "data_table": ((MESSAGE,), tables.check_data_table),
    "data_visualization": ((MESSAGE,), tables.check_data_visualization),
    "file": ((MESSAGE,), _file),
    "card": ((MESSAGE,), _card),
    "carousel": ((MESSAGE,), _carousel),
    "container": ((MESSAGE,), _container),
}
