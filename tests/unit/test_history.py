"""What `/runs` was asked for."""

import pytest

from bot.history import wanted
from orchestrator.commands import Actor
from orchestrator.errors import InvalidInput
from orchestrator.history import State

ADA = Actor("T1", "U1")
NOTHING = {"states": set(), "people": set(), "places": set(), "words": ()}


def asked(query):
    found = wanted(query, ADA, ["C1", "C2"])
    assert (found.actor, found.channels) == (ADA, {"C1", "C2"})
    return {name: getattr(found, name) for name in NOTHING}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"people": {"U1"}}),
        ("all", {}),
        ("mine", {"people": {"U1"}}),
        ("Running", {"states": {State.RUNNING}}),
        ("failed dead", {"states": {State.FAILED, State.DEAD}}),
        ("<#C2|research>", {"places": {"C2"}}),
        ("<#C2> <#C1>", {"places": {"C1", "C2"}}),
        ("<@U2|grace>", {"people": {"U2"}}),
        ("red Apples", {"words": ("red", "Apples")}),
        ("R&amp;D &lt;b&gt;", {"words": ("R&D", "<b>")}),
        ("a\x00b", {"words": ("ab",)}),
        ("\x00", {}),
        (
            "all mine failed <#C2> apples",
            {"people": {"U1"}, "states": {State.FAILED}, "places": {"C2"}, "words": ("apples",)},
        ),
    ],
)
def test_each_word_says_something_and_all_can_be_combined(query, expected):
    assert asked(query) == {**NOTHING, **expected}


def test_a_channel_that_slack_does_not_name_is_explained():
    with pytest.raises(InvalidInput, match=r"which channel #nowhere is. Choose it from the list"):
        wanted("failed #nowhere", ADA, [])
