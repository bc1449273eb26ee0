"""Markdown as plain data: only known tags, and all text as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.localslack.markdown import tree, with_trees

BLOCKS = {"p", "blockquote", "ul", "ol", "li", "hr", "pre", "h3", "h4", "h5", "h6"}
TABLES = {"table", "thead", "tbody", "tr", "th", "td"}
SPANS = {"strong", "em", "s", "code", "br", "a", "slack", "box"}


def nodes(found):
    for node in found:
        yield node
        if isinstance(node, dict):
            yield from nodes(node.get("children", []))


def tags(found):
    return [node["tag"] for node in nodes(found) if isinstance(node, dict)]


def test_html_is_text():
    assert tree("<b onclick=alert(1)>x</b>") == [
        {"tag": "p", "children": ["<b onclick=alert(1)>x</b>"]}
    ]


def test_a_link_to_a_script_is_no_link():
    assert "a" not in tags(tree("[x](javascript:alert(1)) [y](data:text/html,x)"))


def test_a_mention_is_live_only_where_it_is_not_escaped():
    assert tags(tree("<@U0LOCALADA1> <!here> :eyes:")) == ["p", "slack", "slack", "slack"]
    assert tags(tree("&lt;@U0LOCALADA1&gt; `<!here>`")) == ["p", "code"]


def test_tables_lists_and_code_keep_their_shape():
    source = "| a | b |\n|---|--:|\n| 1 | 2 |\n\n1. [x] one\n   - in\n\n```py\nx < 1\n```"
    table, items, code = tree(source)
    cells = [node for node in nodes([table]) if isinstance(node, dict) and node["tag"] == "td"]
    assert [cell["align"] for cell in cells] == ["", "right"]
    assert {"tag": "box", "checked": True} in list(nodes([items]))
    assert code == {"tag": "pre", "language": "py", "children": ["x < 1"]}


def test_markdown_inside_a_container_has_its_tree_too():
    inner = {"type": "markdown", "text": "**x**"}
    [block] = with_trees([{"type": "container", "child_blocks": [inner]}])
    assert block["child_blocks"][0]["tree"] == tree("**x**")
    assert "tree" not in inner


@given(st.text(alphabet="<>@!#UC01abc*_~`|[](){}-:/\\&;\n 1.x", max_size=80))
def test_whatever_is_written_only_known_tags_come_out(source):
    assert set(tags(tree(source))) <= BLOCKS | TABLES | SPANS
