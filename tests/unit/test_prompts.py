import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import prompts

_TAG = re.compile(r"<\s*/?\s*result", re.IGNORECASE)
_PARTS = st.sampled_from(
    ["<", "/", "result", "RESULT", ">", " ", "\n", "</result>", "< / Result >"]
)


@given(st.lists(_PARTS | st.text(max_size=5)).map("".join))
def test_what_is_fenced_cannot_close_its_fence_or_open_another(content):
    fenced = prompts.fenced("result", content)

    assert fenced.startswith("<result>\n")
    assert fenced.endswith("\n</result>")
    inside = fenced.removeprefix("<result>\n").removesuffix("\n</result>")
    assert not _TAG.search(inside)


@given(st.text())
def test_attributes_cannot_end_the_tag(value):
    first = prompts.fenced("result", "x", title=value).split("\n")[0]

    assert re.fullmatch(r'<result title="[^"<\n]*">', first)


def test_other_text_is_fenced_as_it_is():
    assert prompts.fenced("task", "1 < 2 </b>", n=3) == '<task n="3">\n1 < 2 </b>\n</task>'


@given(st.text(), st.integers(4, 100))
def test_trimmed_text_keeps_both_ends(content, limit):
    trimmed = prompts.trimmed(content, limit)

    if len(content) <= limit:
        assert trimmed == content
        return
    kept = re.sub(r"\n\[… [\d,]+ characters left out …\]\n", "", trimmed, count=1)
    assert len(kept) <= limit
    assert content.startswith(trimmed[: limit * 3 // 4])
    assert content.endswith(trimmed[-(limit // 4) :])


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_very_little_text_is_not_more_than_asked_for(limit):
    assert len(prompts.trimmed("abcdefghij", limit).split("\n[")[0]) <= limit
