"""What Slack demands of tables and charts.

https://docs.slack.dev/reference/block-kit/blocks/table-block, …/data-table-block,
…/data-visualization-block
"""

from __future__ import annotations

from typing import Any

from bot.localslack.node import Node, nodes
from bot.localslack.rich_text import check_rich_text

MOST_TABLE_TEXT = 10_000
MOST_ROWS = 100
MOST_COLUMNS = 20
MOST_SERIES = 6
MOST_CHARTS = 2
_WITH_AXES = ("bar", "area", "line")


def check_table(node: Node) -> None:
    """Check a `table` block."""
    node.only("type", "block_id", "rows", "column_settings")
    _check_columns(node)
    _check_rows(node, MOST_ROWS)


def check_data_table(node: Node) -> None:
    """Check a `data_table` block, whose first row is its head."""
    node.only("type", "block_id", "rows", "caption", "page_size", "row_header_column_index")
    node.string("caption", required=True)
    node.integer("page_size", least=1, most=100)
    node.integer("row_header_column_index", least=0, most=MOST_COLUMNS - 1)
    rows = _check_rows(node, MOST_ROWS + 1)
    if rows and len(rows) == 1:
        node.error("must provide at least 2 item(s)", "rows")
    if len({len(row) for row in rows}) > 1:
        node.error("all rows must have the same number of cells", "rows")
    for index, cell in enumerate(rows[0] if rows else []):
        if cell.type == "rich_text":
            node.error("rich_text is not allowed in the header", "rows", 0, index)


def check_data_visualization(node: Node) -> None:
    """Check a `data_visualization` block: a chart of up to six series or segments."""
    node.only("type", "block_id", "title", "chart")
    node.string("title", most=50, required=True)
    chart = node.child("chart", required=True)
    if chart is None:
        return
    chart.one_of("type", ("pie", *_WITH_AXES), required=True)
    if chart.type == "pie":
        chart.children("segments", most=MOST_SERIES, required=True)
    elif chart.type in _WITH_AXES:
        chart.children("series", most=MOST_SERIES, required=True)
        chart.child("axis_config", required=True)


def _check_columns(node: Node) -> None:
    """What is said of the columns; null stands for a column of which nothing is said."""
    listed = node.value.get("column_settings")
    known = [each for each in listed if each is not None] if isinstance(listed, list) else listed
    if known is None:
        return
    pointer = f"{node.pointer}/column_settings"
    for setting in nodes(known, pointer, node.problems, 0, MOST_COLUMNS):
        setting.only("align", "is_wrapped")
        setting.one_of("align", ("left", "center", "right"))


def _check_rows(node: Node, most: int) -> list[list[Node]]:
    """Return the cells by row."""
    rows = node.value.get("rows")
    if not isinstance(rows, list) or not rows:
        node.error("missing required field: rows")
        return []
    if len(rows) > most:
        node.error(f"no more than {most} items allowed", "rows")
    found = []
    for index, row in enumerate(rows):
        cells = nodes(row, f"{node.pointer}/rows/{index}", node.problems, 1, MOST_COLUMNS)
        for cell in cells:
            _check_cell(cell)
        found.append(cells)
    if sum(map(text_length, rows)) > MOST_TABLE_TEXT:
        node.error(f"a table must be at most {MOST_TABLE_TEXT} characters", "rows")
    return found


def _check_cell(cell: Node) -> None:
    if cell.type == "rich_text":
        check_rich_text(cell)
    elif cell.type == "raw_text":
        cell.only("type", "text")
        cell.string("text", required=True)
    elif cell.type == "raw_number":
        cell.only("type", "value", "text")
        cell.has("value", required=True)
    else:
        cell.error(f"unsupported type: {cell.type or 'none'}", "type")


def text_length(value: Any) -> int:
    """The characters of everything in `value` that is shown as text."""
    if isinstance(value, list):
        return sum(map(text_length, value))
    if not isinstance(value, dict):
        return 0
    shown = sum(len(value[key]) for key in ("text", "title") if isinstance(value.get(key), str))
    return shown + sum(text_length(item) for item in value.values())
