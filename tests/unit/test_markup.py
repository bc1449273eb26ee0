"""Slack's markup: escapes undone once, names in the place of ids, the bot's own name taken out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markup import Kind, Reference, clean_name, parse, plain, without

BOT = "U0BOT"
NAMES = {"U0GRACE": "Grace Hopper"}


def said(markup):
    return plain(without(parse(markup), BOT), NAMES)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<@U0BOT> stop", "stop"),
        ("<@U0BOT>, stop", "stop"),
        ("<@U0BOT|orchestrator>: stop", "stop"),
        ("hey <@U0BOT>, stop", "hey, stop"),
        ("<@U0BOT> <@U0BOT> stop", "stop"),
        ("*<@U0BOT>* stop", "stop"),
        ("<@U0GRACE> and I need this. <@U0BOT> compare", "@Grace Hopper and I need this. compare"),
        ("can you do this, <@U0BOT>?", "can you do this?"),
        ("do it, <@U0BOT>", "do it"),
        ("Summarise <@U0BOT>'s last answer", "Summarise your last answer"),
        ("<@U0BOT>\n- apples\n- pears", "- apples\n- pears"),
        ("<@U0BOT> -5 degrees", "-5 degrees"),
        ("<@U0GRACE><@U0BOT> hi", "@Grace Hopper hi"),
        ("<@U0BOT><@U0GRACE> hi", "@Grace Hopper hi"),
        ("<@U0BOT>", ""),
    ],
)
def test_only_the_bots_own_mention_is_taken_out_and_the_rest_reads_well(written, read):
    assert said(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&amp;lt; &lt;b&gt;", "&lt; <b>"),
        ("<https://x.y/?a=1&amp;b=2|the page>", "the page (https://x.y/?a=1&b=2)"),
        ("<https://x.y|x.y> <mailto:a@b.c|a@b.c>", "https://x.y a@b.c"),
        ("<!here> <!channel|channel>", "@here @channel"),
        ("<!subteam^S012|@dev> <#C012|general> <#C013>", "@dev #general #C013"),
        ("<!date^1392734382^{date}|February 18th>", "February 18th"),
        ("<!date^1392734382^{date}>", "2014-02-18 14:39 UTC"),
        ("<U0GRACE> a < b", "<U0GRACE> a < b"),
    ],
)
def test_markup_becomes_words_names_and_addresses(written, read):
    assert said(written) == read


def test_a_label_of_slack_stands_for_a_name_that_is_not_known():
    assert said("<@U0LINUS|linus> and <@U0ADA>") == "@linus and @U0ADA"


@given(st.text())
def test_no_name_is_more_than_a_line_of_text(name):
    cleaned = clean_name(name)
    assert not set("<>|\n\r\x00") & set(cleaned)
    assert len(cleaned) <= 80


WORD = st.text("ab ,.!?*_~`\n<>&-'s@#|", max_size=8)
PIECE = st.one_of(WORD, st.sampled_from(["<@U0BOT>", "<@U0GRACE>"]))


@given(st.lists(PIECE, max_size=8))
def test_whatever_stands_around_it_the_own_mention_goes_and_others_stay(pieces):
    words = parse("".join(pieces))
    left = without(words, BOT)
    others = [w for w in words if isinstance(w, Reference) and w.id != BOT]
    assert [w for w in left if isinstance(w, Reference)] == others


def test_nothing_is_taken_out_where_the_bot_is_not_named():
    words = (Reference(Kind.USER, "U0GRACE"), ", look at  this")
    assert without(words, BOT) == words
