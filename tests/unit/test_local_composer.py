"""What people type, as the `rich_text` that Slack's clients send with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.localslack.blocks import MESSAGE, check_blocks
from bot.localslack.composer import typed

MARKS = ["*", "_", "~", "`", "```", "\n", "- ", "1. ", "&gt; ", "&amp;", ":wave:", " ", "a", "é"]
TOKENS = ["<@U0LOCALADA1>", "<#C0LOCALGEN1|general>", "<!here>", "<https://x.org|x>", "<!date^x>"]


def elements(text):
    [block] = typed(text)["blocks"]
    return block["elements"]


def inline(text):
    [section] = elements(text)
    return section["elements"]


def test_a_mention_is_a_user_element():
    assert inline("<@U0LOCALBOT1> compare two printers") == [
        {"type": "user", "user_id": "U0LOCALBOT1"},
        {"type": "text", "text": " compare two printers"},
    ]


@pytest.mark.parametrize(
    ("token", "element"),
    [
        ("<#C0LOCALGEN1|general>", {"type": "channel", "channel_id": "C0LOCALGEN1"}),
        ("<!subteam^S0LOCALLEA1>", {"type": "usergroup", "usergroup_id": "S0LOCALLEA1"}),
        ("<!here>", {"type": "broadcast", "range": "here"}),
        ("<https://x.org/?a&amp;b>", {"type": "link", "url": "https://x.org/?a&b"}),
        ("<mailto:a@x.org|a@x.org>", {"type": "link", "url": "mailto:a@x.org", "text": "a@x.org"}),
        (":wave:", {"type": "emoji", "name": "wave"}),
        (
            "<!date^1700000000^{date}|then>",
            {"type": "date", "timestamp": 1_700_000_000, "format": "{date}", "fallback": "then"},
        ),
        ("*go*", {"type": "text", "text": "go", "style": {"bold": True}}),
        ("*_go_*", {"type": "text", "text": "go", "style": {"bold": True, "italic": True}}),
        ("~go~", {"type": "text", "text": "go", "style": {"strike": True}}),
        ("`a &lt; b`", {"type": "text", "text": "a < b", "style": {"code": True}}),
        ("*<@U0LOCALADA1>*", {"type": "user", "user_id": "U0LOCALADA1", "style": {"bold": True}}),
    ],
)
def test_each_mark_becomes_its_element(token, element):
    assert inline(token) == [element]


def test_times_and_products_are_no_marks():
    assert inline("at 12:30:45 it is 2 * 3 * 4, see a_b_c") == [
        {"type": "text", "text": "at 12:30:45 it is 2 * 3 * 4, see a_b_c"}
    ]


def test_lists_quotes_and_code_are_elements_of_their_own():
    text = "Do this:\n- one\n  - two\n3. three\n&gt; said\n```\nx = 1\n```\nend"
    kinds = [(part["type"], part.get("style"), part.get("indent")) for part in elements(text)]
    assert kinds == [
        ("rich_text_section", None, None),
        ("rich_text_list", "bullet", 0),
        ("rich_text_list", "bullet", 1),
        ("rich_text_list", "ordered", 0),
        ("rich_text_quote", None, None),
        ("rich_text_preformatted", None, None),
        ("rich_text_section", None, None),
    ]
    assert elements(text)[3]["offset"] == 2
    assert elements(text)[5]["elements"] == [{"type": "text", "text": "x = 1"}]


def test_the_text_has_the_bullets_that_slack_writes():
    assert typed("- one\n    - two\n```- three```")["text"] == "• one\n    ◦ two\n```- three```"


def test_no_words_have_no_blocks():
    assert typed("  \n")["blocks"] is None


@given(st.lists(st.sampled_from(MARKS + TOKENS), max_size=30).map("".join))
def test_whatever_is_typed_slack_would_take_its_blocks(text):
    blocks = typed(text)["blocks"] or []
    assert check_blocks(blocks, MESSAGE) == []
