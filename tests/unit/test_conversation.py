"""What a message is: a word of command, something said, edited or deleted, or nothing to us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import concerns_us, deleted, is_deletion, word_of


@pytest.mark.parametrize(
    "said",
    [
        "stop", "Stop!", ", stop", "hey, stop", "hey stop", "*stop*", "`stop`", "_*Stop.*_",
        "stop please", "please stop", "“stop”", "Stop, thanks!", "ok stop", "hi, please stop!!",
    ],
)  # fmt: skip
def test_a_word_of_command_is_known_however_it_is_dressed(said):
    assert word_of(said) == "stop"


@pytest.mark.parametrize("said", ["stop the deployment", "do not stop", "stopped", "please " * 99])
def test_what_says_more_is_no_word_of_command(said):
    assert word_of(said) not in ("stop", "")


@pytest.mark.parametrize("said", ["", "hello", "Hey!", "*please*", "thanks"])
def test_courtesies_alone_say_nothing(said):
    assert word_of(said) == ""


MESSAGE = {"type": "message", "channel": "D1", "channel_type": "im", "ts": "1.1", "user": "U1"}


def changed(message, previous):
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C1",
        "message": {"ts": "1.1", "user": "U1", **message},
        "previous_message": {"ts": "1.1", "user": "U1", **previous},
    }


def test_what_a_person_says_directly_is_for_us_also_through_another_app():
    assert concerns_us({**MESSAGE, "text": "a"})
    assert concerns_us({**MESSAGE, "text": "a", "subtype": "me_message"})
    assert concerns_us({**MESSAGE, "text": "a", "bot_id": "B1", "app_id": "A1"})
    assert not concerns_us({**MESSAGE, "text": "a", "subtype": "bot_message"})
    assert not concerns_us({**MESSAGE, "text": "a", "channel_type": "channel"})


def test_an_edit_counts_only_where_its_author_has_written_something_else():
    assert concerns_us(changed({"text": "b"}, {"text": "a"}))
    preview = {"from_url": "https://x.y", "text": "words"}
    assert not concerns_us(changed({"text": "a", "attachments": [preview]}, {"text": "a"}))
    assert not concerns_us({**changed({"text": "b"}, {}), "previous_message": None})


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "subtype": "message_changed", "channel": "C1"},
        {"type": "message", "subtype": "message_changed", "channel": "C1", "message": {"text": ""}},
        {"type": "message", "subtype": "message_deleted", "channel": "C1"},
        {"type": "message", "subtype": "message_deleted", "deleted_ts": "1.1"},
        {"type": "message", "channel_type": "im", "channel": "D1", "text": "no author or time"},
        {"type": "message", "channel_type": "im", "ts": "1.1", "user": "U1", "text": "no channel"},
        {"type": "app_mention", "channel": "C1", "text": "no author"},
        {"type": "app_mention", "user": "U1", "ts": "1.1", "text": "no channel"},
    ],
)
def test_events_that_lack_what_they_are_about_are_nothing_to_us(event):
    assert not concerns_us(event)


def test_a_deletion_without_the_message_still_says_which_it_was():
    event = {"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "1.1"}
    assert concerns_us(event)
    assert is_deletion(event)
    assert deleted(event) == {"ts": "1.1"}


KEYS = st.sampled_from(
    [
        "type",
        "subtype",
        "message",
        "previous_message",
        "user",
        "ts",
        "channel",
        "channel_type",
        "text",
        "deleted_ts",
        "bot_id",
        "blocks",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=5),
        st.sampled_from(
            ["message", "message_changed", "message_deleted", "tombstone", "im", "app_mention"]
        ),
    ),
    lambda inner: st.dictionaries(KEYS, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(KEYS, VALUES, max_size=9))
def test_of_any_event_it_can_be_told_whether_it_is_for_us(event):
    concerns_us(event)
    is_deletion(event)
