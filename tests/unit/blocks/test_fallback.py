"""What stands in for blocks that Slack does not take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks import plan, text
from bot.blocks.fallback import Form, in_form, is_whole, words_of
from bot.blocks.payload import Payload
from orchestrator.store.tables import RunStatus
from tests.unit.blocks.block_views import checked, labels, run

PLAINER = [Form.PLAIN, Form.BARE, Form.WORDS]
WITH_BUTTONS = [Form.PLAIN, Form.BARE]
PROPOSAL = plan.proposal(run(RunStatus.PROPOSED))


@pytest.mark.parametrize("form", PLAINER)
def test_a_plan_says_the_same_in_every_form(form):
    shown = in_form(PROPOSAL, "U111", form)
    said = shown.text + str(shown.blocks)
    for words in ("<@U111>", "Find fact 1", "researcher", "after 1 and 2"):
        assert words in said


@pytest.mark.parametrize("form", WITH_BUTTONS)
def test_the_buttons_stay_as_long_as_there_are_blocks(form):
    shown = checked(in_form(PROPOSAL, "U111", form))
    assert labels(shown.blocks) == labels(PROPOSAL.blocks)


def test_the_last_form_has_no_blocks():
    assert in_form(PROPOSAL, "U111", Form.WORDS).blocks == []


def test_the_full_form_is_the_message_itself():
    assert in_form(PROPOSAL, "U111", Form.FULL) is PROPOSAL


def test_each_form_has_a_plainer_one_until_there_are_only_words():
    assert [form.next for form in Form] == [Form.PLAIN, Form.BARE, Form.WORDS, None]


@pytest.mark.parametrize("form", Form)
def test_the_form_of_a_message_is_read_as_it_was_noted(form):
    assert Form.of(form.after("invalid_blocks")) is form


@pytest.mark.parametrize("error", [None, "", "block_mismatch", "invalid_blocks"])
def test_a_message_that_was_never_refused_has_its_full_form(error):
    assert Form.of(error) is Form.FULL


@given(st.text(min_size=1, max_size=4000), st.sampled_from(WITH_BUTTONS))
def test_whatever_is_said_fits_in_whichever_way_slack_counts(said, form):
    block = {"type": "section", "text": {"type": "plain_text", "text": said}}
    shown = in_form(Payload([block] * 4, "A sentence."), "U111", form)
    for section in shown.blocks:
        assert len(section.get("text", {}).get("text", "").encode()) <= 3000
    assert len(shown.blocks) <= 50


@given(st.text(max_size=500), st.integers(min_value=4, max_value=60))
def test_pieces_keep_every_word(said, most):
    pieces = list(text.pieces_of_bytes(said, most))
    assert all(len(piece.encode()) <= most for piece in pieces)
    assert "".join(pieces).replace("\n", "") == said.replace("\n", "")


def test_what_does_not_fit_is_said_to_be_in_a_file():
    long = Payload([{"type": "markdown", "text": "word " * 4000}], "A sentence.")
    assert not is_whole(long, Form.PLAIN)
    assert "attached as a file" in str(in_form(long, "U111", Form.PLAIN).blocks)
    assert words_of(long).count("word") == 4000
