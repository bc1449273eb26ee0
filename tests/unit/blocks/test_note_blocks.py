from block_views import HOSTILE, checked, labels, run, values, words

from bot.blocks import note
from orchestrator.store.tables import RunStatus


def test_planning_says_so_and_can_be_stopped():
    payload = checked(note.planning(run(RunStatus.PLANNING, revision=0, revisions=())))

    assert "On it! I'm planning *R-7F3K*" in words(payload.blocks)
    assert labels(payload.blocks) == ["Stop"]
    assert values(payload.blocks)["stop"] == run().id


def test_planning_again_says_that_it_is_with_feedback():
    payload = checked(note.planning(run(RunStatus.PLANNING, note="Fewer steps")))

    said = words(payload.blocks)
    assert "Re-planning *R-7F3K* with your feedback" in said
    assert "Fewer steps" in said


def test_a_task_too_long_to_be_read_is_told_to_be_cut():
    short = note.planning(run(RunStatus.PLANNING, task="x" * 40_000))
    long = checked(note.planning(run(RunStatus.PLANNING, task="x" * 40_001)))

    assert "characters" not in words(short.blocks)
    assert "The task has 40,001 characters. I read the first 40,000" in words(long.blocks)


def test_the_first_message_of_a_thread_names_who_asked_for_what():
    payload = checked(note.root(run()))

    assert payload.blocks[0]["elements"][0]["elements"][0] == {"type": "user", "user_id": "U111"}
    assert "Compare three job queues" in words(payload.blocks)


def test_an_empty_mention_is_answered_with_an_example():
    assert "For example" in words(checked(note.usage()).blocks)


def test_our_own_mistake_is_told_with_the_id_that_is_in_the_log():
    payload = checked(note.said(note.broken("ab12cd34")))

    assert payload.text.startswith("That did not work.")
    assert "ab12cd34" in payload.text


def test_a_sentence_of_the_bot_shows_people_by_name():
    payload = checked(note.said("<@U111> asked for R-7F3K."))

    assert payload.text == "<@U111> asked for R-7F3K."
    assert payload.blocks[0]["elements"][0]["elements"][0]["type"] == "user"


def test_progress_is_one_sentence():
    payload = checked(note.progress(run(RunStatus.RUNNING)))

    assert payload.text == "R-7F3K: running, 0 of 3 done."


def test_hostile_sentences_are_only_text():
    for text in HOSTILE.values():
        checked(note.root(run(task=text)))
        checked(note.planning(run(RunStatus.PLANNING, task=text, note=text)))
