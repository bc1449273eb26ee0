from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks import elements, text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "under 1 s"),
        (12.4, "12 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (120, "2 min"),
        (3599.9, "1 h"),
        (3900, "1 h 5 min"),
        (86_399, "1 day"),
        (97_200, "1 day 3 h"),
        (266_400, "3 days 2 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, said):
    assert text.duration(seconds) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "price unknown"),
        (Decimal(0), "$0.00"),
        (Decimal("0.0004"), "under $0.01"),
        (Decimal("0.0132"), "$0.0132"),
        (Decimal("0.03"), "$0.03"),
        (Decimal("0.99999"), "$1.00"),
        (Decimal("12.5"), "$12.50"),
        (Decimal("1234.5"), "$1,234.50"),
    ],
)
def test_money_is_exact_where_it_matters(usd, said):
    assert text.money(usd) == said


def test_a_cost_that_is_only_partly_known_is_not_told():
    assert text.money(Decimal("0.5"), known=False) == "price unknown"


def test_a_time_is_shown_in_the_zone_of_whoever_reads_it():
    when = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    shown = "<!date^1772366400^{date_short_pretty} at {time}|2026-03-01 12:00 UTC>"
    assert text.date(when) == shown


def test_a_person_is_mentioned_by_id_and_nothing_else_is_a_mention():
    assert text.mention("U0123ABC") == "<@U0123ABC>"
    assert text.mention("!channel") == "!channel"
    assert text.mention("U1><!channel>") == "U1&gt;&lt;!channel&gt;"
    assert text.user("<!channel>")["type"] == "text"


def test_an_empty_piece_of_text_becomes_a_dash():
    assert text.span("") == {"type": "text", "text": "–"}
    assert text.line("\x00 \n", 10) == "–"
    assert text.section() == {"type": "rich_text_section", "elements": [text.span("–")]}


def test_people_named_in_a_sentence_are_shown_by_name():
    spans = text.spans("<@U0123ABC> asked, so <!channel> may not.")

    assert spans[0] == {"type": "user", "user_id": "U0123ABC"}
    assert spans[1]["text"] == " asked, so <\u200b!channel> may not."


def test_what_could_be_a_mention_looks_the_same_but_is_none():
    shown = text.line("hi <!channel> and a < b", 100)

    assert shown.replace("\u200b", "") == "hi <!channel> and a < b"
    assert "<!" not in shown


def test_a_link_that_is_none_is_just_its_label():
    assert text.linked("https://x.example/a|b", "R-1") == "<https://x.example/a%7Cb|R-1>"
    assert text.linked("javascript:alert(1)", "R-1") == "R-1"
    assert text.linked(None, "R-1") == "R-1"


def test_a_long_list_of_numbers_is_cut():
    assert text.numbers([3]) == "3"
    assert text.numbers([3, 5, 7]) == "3, 5 and 7"
    assert text.numbers(range(1, 13), most=3) == "1, 2, 3 and 9 more"


@given(st.text(max_size=400), st.integers(2, 200))
def test_what_is_cut_is_never_longer_however_it_is_counted(value, limit):
    for cut in (text.line(value, limit), text.block(value, limit), text.within(value, limit)):
        assert text.units(cut) <= max(limit, text.units(text.NOTHING))
        cut.encode()


@pytest.mark.parametrize("letter", ["a", "é", "答", "🍏"])
def test_a_field_takes_what_is_in_it_already(letter):
    field = elements.text_input(letter * 200, most=200)
    assert field["initial_value"] == letter * 200
    assert text.units(field["initial_value"]) <= field["max_length"] <= 400
    longest = elements.text_input(letter * 4_000, most=3_000)
    assert text.units(longest["initial_value"]) <= longest["max_length"] == 3_000


@pytest.mark.parametrize("letter", ["a", "答", "🍏"])
def test_labels_are_short_however_they_are_counted(letter):
    label = elements.option("1", letter * 200)["text"]["text"]
    assert text.units(label) <= 75
    assert not elements.can_be_option("🍏" * 76)
