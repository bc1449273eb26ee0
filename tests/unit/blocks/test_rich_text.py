"""Markdown as rich text, as dialogs show it."""

import re

import pytest
from block_views import HOSTILE, nodes
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks import rich
from bot.localslack import limits

MOST = 2_900

WHOLE = """\
# What I found

Take the **third** one, *not* the ~~second~~ `first`;
see [the source](https://example.com/a) and [nothing](javascript:alert(1)).

> Said before
>
> and after

3. three
   - a
   - b
4. four

| Queue | Jobs |
|---|---|
| Own | 10 |
| Another | 2 |

```python
if a < b:
    go()
```

---

[1]: https://example.com/b
"""


def span(text, **style):
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def section(*elements):
    return {"type": "rich_text_section", "elements": list(elements)}


def listed(style, indent, *items, **more):
    elements = [section(*item) for item in items]
    return {
        "type": "rich_text_list",
        "style": style,
        "indent": indent,
        "elements": elements,
        **more,
    }


def pre(text):
    return {"type": "rich_text_preformatted", "elements": [span(text)]}


def test_all_of_markdown_that_slack_can_show_is_shown():
    [block] = rich.blocks(WHOLE)
    limits.check_modal(modal(block))
    assert block["elements"] == [
        section(span("What I found", bold=True)),
        section(
            span("Take the "),
            span("third", bold=True),
            span(" one, "),
            span("not", italic=True),
            span(" the "),
            span("second", strike=True),
            span(" "),
            span("first", code=True),
            span(";"),
            span("\n"),
            span("see "),
            {"type": "link", "url": "https://example.com/a", "text": "the source"},
            span(" and [nothing](javascript:alert(1))."),
        ),
        {
            "type": "rich_text_quote",
            "elements": [span("Said before"), span("\n"), span("and after")],
        },
        listed("ordered", 0, [span("three")], offset=2),
        listed("bullet", 1, [span("a")], [span("b")]),
        listed("ordered", 0, [span("four")], offset=3),
        pre("Queue    Jobs\n───────  ────\nOwn      10\nAnother  2"),
        pre("if a < b:\n    go()"),
        section(span("─" * 24)),
        section(span("[1]: https://example.com/b")),
    ]


def test_lists_and_code_within_a_quotation_are_its_lines():
    [block] = rich.blocks("> one\n>\n> - two\n> - three\n>\n> ```\n> four\n> ```")
    [quoted] = block["elements"]
    said = "".join(element["text"] for element in quoted["elements"])
    assert said == "one\n• two\n• three\nfour"


@pytest.mark.parametrize(
    "markdown",
    [
        "word " * 5_000,
        "- item of a list\n" * 1_000,
        "```\n" + "a line of code\n" * 1_000 + "```",
        "> quoted " * 1_000,
        "x" * 100_000,
        "| a | b |\n|---|---|\n" + "| cell | cell |\n" * 500,
    ],
    ids=["words", "list", "code", "quotation", "one word", "table"],
)
def test_what_is_long_comes_in_blocks_and_whole(markdown):
    blocks = [*rich.blocks(markdown)]
    assert len(blocks) > 1
    for block in blocks:
        limits.check_modal(modal(block))
        assert len(text_of([block])) <= MOST
    assert letters(text_of(blocks)) == letters(markdown)


def test_a_list_that_is_cut_goes_on_counting():
    first, second = rich.blocks("".join(f"{n}. {'word ' * 100}\n" for n in range(1, 9)))
    [shown], [rest] = first["elements"], second["elements"]
    assert "offset" not in shown
    assert rest["offset"] == len(shown["elements"])


@given(st.text(alphabet="ab *_#>-+1.\n|[]!~", max_size=200))
def test_no_word_is_lost_and_every_block_is_one_that_slack_takes(markdown):
    blocks = [*rich.blocks(markdown)]
    for block in blocks:
        limits.check_modal(modal(block))
    assert letters(text_of(blocks)) == letters(markdown)


@pytest.mark.parametrize(
    "url",
    ["http://", "https:///a", "javascript:alert(1)", "mailto:", f"https://a.b/{'c' * 3000}", "/a"],
)
def test_what_is_no_address_is_only_text(url):
    [block] = rich.blocks(f"[here]({url})")
    assert not [node for node in nodes(block) if node.get("type") == "link"]
    assert "here" in text_of([block])


@pytest.mark.parametrize("url", ["https://a.b/c?d=e#f", "http://a", "mailto:ada@example.com"])
def test_an_address_is_a_link(url):
    [block] = rich.blocks(f"[here]({url})")
    [link] = [node for node in nodes(block) if node.get("type") == "link"]
    assert (link["url"], link["text"]) == (url, "here")


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_nobody_is_notified(content):
    blocks = [*rich.blocks(content)]
    assert not [node for node in nodes(blocks) if node.get("type") in ("user", "broadcast")]
    links = [node["url"] for node in nodes(blocks) if node.get("type") == "link"]
    assert all(re.match("https?://|mailto:", url) for url in links)


def modal(block):
    title = {"type": "plain_text", "text": "A modal"}
    return {"type": "modal", "title": title, "blocks": [block]}


def text_of(blocks):
    return "".join(node["text"] for node in nodes(blocks) if isinstance(node.get("text"), str))


def letters(text):
    return re.findall("[a-z]", text)
