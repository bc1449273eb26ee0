import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import text

anything = st.text(st.characters(), max_size=60)


@given(anything)
def test_clean_text_can_be_stored_anywhere(raw):
    clean = text.clean(raw)

    clean.encode("utf-8")
    assert "\x00" not in clean
    assert clean.splitlines() == clean.removesuffix("\n").split("\n") or not clean
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in clean)


@given(anything, st.sampled_from([text.clean, text.one_line, text.block]))
def test_cleaning_clean_text_changes_nothing(raw, cleaning):
    assert cleaning(cleaning(raw)) == cleaning(raw)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"])))
def test_ordinary_text_stays_as_it_is(raw):
    assert text.clean(raw) == raw


def test_every_kind_of_line_break_becomes_one():
    assert text.clean("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h") == "a\nb\nc\nd\ne\nf\ng\nh"


def test_what_turns_the_reading_direction_is_taken_out():
    assert text.clean("safe\u202egpj.exe\u202c\u2066x\u2069") == "safegpj.exex"


def test_joiners_that_words_and_emoji_need_are_kept():
    assert text.clean("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"


@given(anything)
def test_one_line_is_one_line(raw):
    line = text.one_line(raw)

    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert "  " not in line


@given(anything)
def test_a_block_has_no_space_around_it(raw):
    block = text.block(raw)

    assert block == block.strip()
    assert all(line == line.rstrip() for line in block.split("\n"))


@given(st.text(), st.integers(1, 80))
def test_shortened_text_fits_and_is_the_beginning(raw, limit):
    short = text.shorten(raw, limit)

    assert len(short) <= limit
    assert short == raw or (short.endswith("…") and raw.startswith(short[:-1]))


def test_text_is_cut_at_a_word_where_one_is_near():
    assert text.shorten("the quick brown fox", 12) == "the quick…"
    assert text.shorten("antidisestablishmentarianism", 12) == "antidisesta…"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 subtasks"), (1, "1 subtask"), (2, "2 subtasks")]
)
def test_plural(count, said):
    assert text.plural(count, "subtask") == said


def test_listing():
    assert [text.listing(list(items)) for items in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-12-abc",
        "sk-ant-api03-abcdef",
        "sk-proj-abcdefghijklmnop1234",
        "ghp_abcdefghijklmnop1234",
        "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_what_opens_doors_is_taken_out_wherever_it_stands(secret):
    assert text.without_secrets(f'It said "{secret}", twice.') == 'It said "[secret]", twice.'


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [secret]"),
        ("Authorization: Basic dXNlcjpwYXNz=", "Authorization: Basic [secret]"),
        ("GET /x?access_token=opensesame&n=1", "GET /x?access_token=[secret]&n=1"),
        ("https://ada:sesame@a.test/", "https://[secret]a.test/"),
    ],
)
def test_what_stands_where_secrets_stand_is_taken_out(said, left):
    assert text.without_secrets(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "A basic internationalization of the task-list",
        "The bearer certificates expire",
        "max_tokens=8192, see https://a.test/sk-something",
        "ANTHROPIC_API_KEY is not set",
    ],
)
def test_other_words_stay(said):
    assert text.without_secrets(said) == said
