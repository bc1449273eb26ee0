from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.blocks import text


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
