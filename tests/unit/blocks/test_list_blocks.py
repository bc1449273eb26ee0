from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from block_views import (
    ASKED,
    HOSTILE,
    checked,
    labels,
    live_mentions,
    nodes,
    request,
    run,
    run_row,
    values,
    words,
)

from bot.blocks import digest, history, home, reminder, schedules, shortcut
from bot.blocks.needs import needs
from bot.home import HomeView, Letter, Spending
from bot.localslack import limits
from bot.schedules import ScheduleView
from orchestrator.commands import Actor
from orchestrator.history import Page, Place, State, Wanted
from orchestrator.store.tables import RequestKind, RunStatus

LINKS = {f"run-{n}": f"https://x.example/archives/C1/p{n}" for n in range(100)}


def listed(rows, **given):
    fields = {"wanted": wanted(people={"U111"}), "query": "all words", "page": Page()}
    return checked(history.runs(rows, **{**fields, **given}))


def wanted(**given):
    fields = {name: frozenset(value) for name, value in given.items() if name != "words"}
    return Wanted(Actor("T1", "U111"), words=tuple(given.get("words", ())), **fields)


def shown_home(**given):
    blocks = home.home(HomeView(**given))
    limits.check_home({"type": "home", "blocks": blocks})
    assert live_mentions(blocks) == []
    return blocks


def schedule(**given):
    fields = {
        "id": "1",
        "name": "S-4KQ2",
        "task": "Look at the news",
        "channel": "C123",
        "words": "every day at 09:00",
        "timezone": "Europe/London",
        "times": tuple(ASKED + timedelta(days=day) for day in range(3)),
    }
    return ScheduleView(**{**fields, **given})


# --- runs --------------------------------------------------------------------------------------


def test_a_run_is_one_row_with_its_details():
    payload = listed([run_row(gaps=1)])

    said = words(payload.blocks)
    assert "⚠️ *R-0001* · Done with 1 gap · 5 of 5 done · <!date^1772366400^" in said
    assert "$0.50 · <#C123>\nCompare three job queues" in said
    assert values(payload.blocks) == {"details": "run-1"}
    assert payload.text == "Your runs: 1 run."


def test_a_row_leads_to_its_thread_where_the_address_is_known():
    payload = listed([run_row()], links=LINKS)

    assert "*<https://x.example/archives/C1/p1|R-0001>*" in words(payload.blocks)


def test_pages_are_turned_by_buttons_that_know_the_place_and_the_query():
    rows = [run_row(n) for n in range(8)]
    middle = listed(rows, page=Page((), newer=Place(20, is_after=True), older=Place(13)))

    assert values(middle.blocks)["runs_page_previous"] == ">20|all words"
    assert values(middle.blocks)["runs_page_next"] == "<13|all words"
    assert labels(listed(rows).blocks) == ["Details"] * 8


def test_no_runs_is_said_with_a_hint():
    assert "You have no runs yet" in words(listed([], query="").blocks)
    assert "No run matches that." in words(listed([]).blocks)


def test_a_run_that_waits_for_somebody_says_for_what():
    row = run_row(status=RunStatus.RUNNING, needs=(RequestKind.QUESTION,))

    assert "needs an answer" in words(listed([row]).blocks)
    assert "needs" not in words(listed([replace(row, status=RunStatus.STOPPED)]).blocks)


def test_of_others_runs_it_is_said_whose_they_are():
    said = words(listed([run_row(1), run_row(2, requester="U222")], wanted=wanted()).blocks)

    assert "All runs" in said
    assert said.count("<@U222>") == 1
    assert "<@U111>" not in said


@pytest.mark.parametrize(
    ("asked", "title", "said"),
    [
        ({"people": ["U111"]}, "Your runs", ""),
        ({}, "All runs", ""),
        ({"people": ["U111"], "states": [State.DEAD]}, "Your runs", "dead"),
        ({"people": ["U222"]}, "Runs", "asked for by <@U222>"),
        (
            {"states": [State.FAILED], "places": ["C123"], "words": ["tea", "<b>"]},
            "Runs",
            "failed · in <#C123> · with “tea” and “&lt;b&gt;”",
        ),
    ],
)
def test_the_list_says_what_was_looked_for(asked, title, said):
    blocks = listed([run_row()], wanted=wanted(**asked)).blocks

    assert blocks[0]["text"]["text"] == title
    small = [block["elements"][0]["text"] for block in blocks if block["type"] == "context"]
    assert small == ([said] if said else [])


def test_a_mistyped_word_is_guessed_where_nothing_is_found():
    said = words(listed([], wanted=wanted(words=["shwo", "R-7F3K"])).blocks)

    assert "I looked for “shwo” in what was asked. Did you mean `show`?" in said
    assert "Did you mean" not in words(listed([], wanted=wanted(words=["apples"])).blocks)


@pytest.mark.parametrize("state", RunStatus)
def test_every_state_has_a_row(state):
    listed([run_row(status=state)])
    shown_home(recent=[run_row(status=state)])


def test_one_run_can_be_shown():
    assert labels(checked(history.one(run(RunStatus.STOPPED))).blocks) != []
    assert "/runs" in checked(history.usage()).text


# --- the Home tab ------------------------------------------------------------------------------


def test_the_home_tab_has_its_parts_in_order():
    blocks = shown_home(
        waiting=[run_row(1)],
        running=[run_row(2)],
        letters=[Letter(run_row(3), 2, "Compare them", "It took too long.")],
        recent=[run_row(4)],
        schedules=[schedule()],
    )

    said = words(blocks)
    parts = ("Waiting for you", "R-0001", "Running", "R-0002", "Dead letters", "R-0003")
    places = [said.index(part) for part in (*parts, "Recent", "R-0004", "Schedules", "S-4KQ2")]
    assert places == sorted(places)


def test_what_waits_says_for_what_and_leads_to_its_thread():
    asked = (RequestKind.QUESTION, RequestKind.DEAD_LETTER, RequestKind.QUESTION)
    row = run_row(1, status=RunStatus.RUNNING, needs=asked)
    blocks = shown_home(waiting=[row], links=LINKS)

    assert "✋ needs 2 answers and a decision" in words(blocks)
    (button,) = [node for node in nodes(blocks) if node.get("action_id") == "open_thread"]
    assert button["url"] == "https://x.example/archives/C1/p1"
    assert labels(blocks) == ["Open thread", "Details"]


def test_a_dead_letter_says_what_failed_and_why():
    letters = [
        Letter(run_row(3), 2, "Compare them", "It took too long."),
        Letter(run_row(4), None, "", "Nothing came."),
    ]
    said = words(shown_home(recent=[run_row()], letters=letters, links=LINKS))

    assert "|R-0003>* · subtask 2: Compare them\nIt took too long." in said
    assert "|R-0004>* · the answer\nNothing came." in said


def test_an_empty_home_tab_tells_how_to_start():
    assert "Tell me what you need" in words(shown_home())


def test_empty_parts_of_the_home_tab_tell_what_to_do():
    said = words(shown_home(recent=[run_row()]))

    assert "Nothing waits for you." in said
    assert "Mention me with a task" in said
    assert "`/schedules help`" in said
    assert "Dead letters" not in said


def test_the_home_tab_says_when_the_model_is_offline():
    assert "Offline" in words(shown_home(offline=True))
    assert "Offline" not in words(shown_home())


def test_admins_see_what_was_spent_today():
    assert "$1.50 of $20.00." in words(shown_home(spending=Spending(Decimal("1.5"), Decimal(20))))
    assert "$0.00. There is no daily limit" in words(shown_home(spending=Spending(Decimal(0))))
    assert "Spent" not in words(shown_home())


def test_a_full_home_tab_fits():
    rows = [run_row(n, task="x" * 5_000) for n in range(100)]
    full = shown_home(
        waiting=rows,
        running=rows,
        letters=[Letter(row, 1, "x" * 5_000, "x" * 5_000) for row in rows],
        recent=rows,
        schedules=[schedule(task="x" * 5_000)] * 100,
        links=LINKS,
        spending=Spending(Decimal(1)),
        offline=True,
    )

    assert words(full).count("…and more: type `/runs`.") == 4
    assert "…and more: type `/schedules`." in words(full)


# --- schedules ---------------------------------------------------------------------------------


def test_a_schedule_says_when_it_is_due_and_what_it_begins():
    payload = checked(schedules.schedules([schedule()]))

    said = words(payload.blocks)
    assert "🗓️ *S-4KQ2* · every day at 09:00 (Europe/London) · <#C123>\nLook at the news" in said
    assert said.count("<!date^") == 3
    assert labels(payload.blocks) == ["Pause", "Remove"]
    assert values(payload.blocks) == {"schedule_pause": "S-4KQ2", "schedule_remove": "S-4KQ2"}


def test_a_paused_schedule_says_why_and_can_be_resumed():
    stopped = schedule(is_paused=True, times=(), trouble="Its channel is archived.")

    payload = checked(schedules.schedules([stopped]))
    assert "⏸️ *S-4KQ2*" in words(payload.blocks)
    assert "Paused: Its channel is archived." in words(payload.blocks)
    assert labels(payload.blocks) == ["Resume", "Remove"]
    told = checked(schedules.stopped(stopped))
    assert "S-4KQ2: Its channel is archived." in told.text
    assert labels(told.blocks) == ["Resume", "Remove"]


def test_as_many_schedules_as_a_person_may_have_fit_a_message():
    checked(schedules.schedules([schedule(task="x" * 5_000)] * 20))
    assert "…and 5 more." in words(checked(schedules.schedules([schedule()] * 25)).blocks)


def test_what_was_wrong_comes_before_how_to_do_it():
    payload = checked(schedules.usage("I don't know what “x” is."))

    assert words(payload.blocks).startswith("I don't know what “x” is.")
    assert "/schedules add" in words(payload.blocks)
    checked(schedules.usage())
    assert "no schedules yet" in words(checked(schedules.schedules([])).blocks)


# --- reminders and the daily word --------------------------------------------------------------


def test_needs_are_counted_in_words():
    assert needs([]) == "somebody"
    assert needs([RequestKind.APPROVAL]) == "a plan to be approved"
    assert needs([RequestKind.QUESTION]) == "an answer"
    assert needs([RequestKind.DEAD_LETTER] * 2) == "2 decisions"
    for kind in RequestKind:
        assert needs([kind]) != "somebody"


def test_a_reminder_mentions_the_requester_and_says_since_when():
    asked = [request(RequestKind.APPROVAL), request(RequestKind.QUESTION, subtask=1)]
    payload = checked(reminder.reminder(run(), asked))

    assert "<@U111> *R-7F3K* still needs a plan to be approved and an answer" in words(
        payload.blocks
    )
    assert "<!date^1772366400^" in words(payload.blocks)


def test_the_daily_word_leads_to_each_dead_letter():
    rows = [
        run_row(n, status=RunStatus.RUNNING, needs=(RequestKind.DEAD_LETTER,)) for n in range(3)
    ]
    payload = checked(digest.letters(rows, LINKS))

    assert payload.text == "Dead letters wait for you in 3 runs."
    assert labels(payload.blocks) == ["Open thread", "Details"] * 3


def test_a_long_daily_word_fits():
    rows = [run_row(n, task="x" * 5_000) for n in range(digest.MOST + 1)]

    assert "`/runs dead`" in words(checked(digest.letters(rows, LINKS)).blocks)


# --- the dialog of the shortcut ----------------------------------------------------------------


def test_the_message_is_shown_and_more_may_be_added():
    view = shortcut.form("Look at <apples>", 2, {"channel": "C1", "ts": "1.1", "thread": "1.1"})
    limits.check_modal(view)

    assert "Look at <apples>" in words(view["blocks"])
    assert "With 2 files." in words(view["blocks"])
    assert view["blocks"][-1]["optional"]


def test_a_message_without_words_needs_some():
    view = shortcut.form("", 1, {})
    limits.check_modal(view)

    assert not view["blocks"][-1]["optional"]


def test_what_was_added_comes_before_the_message():
    def typed(value):
        return {"extra": {"value": {"type": "plain_text_input", "value": value}}}

    assert shortcut.task("Look at apples", typed("In French:")) == "In French:\n\nLook at apples"
    assert shortcut.task("Look at apples", typed(None)) == "Look at apples"


# --- hostile text ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_a_list_is_only_text(text):
    rows = [run_row(n, task=text) for n in range(8)]
    hostile = schedule(task=text, trouble=text, is_paused=True, times=())
    both = Page((), newer=Place(9, is_after=True), older=Place(1))

    asked = wanted(words=text.split())
    listed(rows, wanted=asked, query=text, page=both)
    listed([], wanted=asked, query=text)
    shown_home(
        waiting=rows,
        recent=rows,
        letters=[Letter(rows[0], 1, text, text)],
        schedules=[hostile, schedule(task=text)],
    )
    checked(digest.letters(rows, {}))
    checked(schedules.schedules([hostile]))
    checked(schedules.added(schedule(task=text)))
    limits.check_modal(shortcut.form(text, 1, {}))
