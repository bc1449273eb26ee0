"""Markdown that is shown while it is written: what was shown once stays as it is."""

import pytest
from block_views import HOSTILE

from bot.blocks import markdown

WRITTEN = {
    "prose": "Apples are red.\n\nPears are green, and <!channel> is text.",
    "code": "Then `List<Map<a, b>>` is\n\n```python\nif a < b:\n    pass\n```\nand `x <y` ends.",
    "two ticks": "A ``span with a ` tick <@U1>`` and more words.",
    "table": "| a | b |\n|---|---|\n| <@U1> | `c < d` |\n\nThe end, [a](http://b).",
    "link": "See <https://example.com/a> for more < than that.",
    **{name: text[:400] for name, text in HOSTILE.items()},
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_is_settled_only_grows(text):
    shown = ""
    for end in range(len(text) + 1):
        now = markdown.safe(markdown.settled(text[:end]))
        assert now.startswith(shown)
        shown = now


@pytest.mark.parametrize("name", ["prose", "code", "two ticks", "table", "link"])
def test_all_but_the_last_word_is_shown(name):
    text = WRITTEN[name]
    whole, shown = markdown.safe(text), markdown.safe(markdown.settled(text))
    assert whole.startswith(shown)
    assert len(whole) - len(shown) < 25
