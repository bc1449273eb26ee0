from dataclasses import replace

import pytest
from block_views import HOSTILE, checked, labels, live_mentions, run, run_row, values, words

from bot.blocks import history, home
from bot.localslack import limits
from orchestrator.store.tables import RunStatus

PAGE = {"title": "Your runs", "page_size": 8, "query": "all words"}


def listed(rows, **given):
    return checked(history.runs(rows, **{**PAGE, "offset": 0, "has_more": False, **given}))


def shown_home(**given):
    none = {"waiting": [], "running": [], "recent": [], "offline": False}
    blocks = home.home(**{**none, **given})
    limits.check_home({"type": "home", "blocks": blocks})
    assert live_mentions(blocks) == []
    return blocks


def test_a_run_is_one_row_with_its_details():
    payload = listed([run_row(gaps=1)])

    said = words(payload.blocks)
    assert "⚠️ *R-0001* · Done with 1 gap · 5 of 5 done · <!date^1772366400^" in said
    assert "$0.50 · <#C123>\nCompare three job queues" in said
    assert values(payload.blocks) == {"details": "run-1"}


def test_a_row_leads_to_its_thread_where_the_address_is_known():
    payload = listed([run_row()], links={"run-1": "https://x.example/archives/C1/p1"})

    assert "<https://x.example/archives/C1/p1|*R-0001*>" in words(payload.blocks)


def test_pages_are_turned_by_buttons_that_know_the_query():
    first = listed([run_row(n) for n in range(8)], has_more=True)
    second = listed([run_row(9)], offset=8)

    assert values(first.blocks)["runs_page_next"] == "8|all words"
    assert "Previous" not in labels(first.blocks)
    assert values(second.blocks)["runs_page_previous"] == "0|all words"
    assert "Next" not in labels(second.blocks)


def test_no_runs_is_said_with_a_hint():
    assert "You have no runs yet" in words(listed([], query="").blocks)
    assert "No run matches that." in words(listed([]).blocks)
    assert labels(listed([], offset=8).blocks) == ["Previous"]


def test_a_run_that_waits_for_somebody_says_so():
    row = run_row(status=RunStatus.RUNNING, open_requests=1)

    assert "needs somebody" in words(listed([row]).blocks)
    assert "needs somebody" not in words(listed([replace(row, status=RunStatus.STOPPED)]).blocks)


@pytest.mark.parametrize("state", RunStatus)
def test_every_state_has_a_row(state):
    listed([run_row(status=state)])
    shown_home(recent=[run_row(status=state)])


def test_one_run_can_be_shown():
    assert labels(checked(history.one(run(RunStatus.COMPLETED))).blocks) == ["Details"]
    assert "/runs" in checked(history.usage()).text


def test_the_home_tab_has_what_waits_first():
    blocks = shown_home(waiting=[run_row(1)], running=[run_row(2)], recent=[run_row(3)])

    said = words(blocks)
    assert said.index("Waiting for you") < said.index("R-0001") < said.index("Running")
    assert said.index("R-0002") < said.index("Recent") < said.index("R-0003")


def test_an_empty_home_tab_tells_how_to_start():
    assert "Tell me what you need" in words(shown_home())


def test_the_home_tab_says_when_the_model_is_offline():
    assert "Offline" in words(shown_home(offline=True))
    assert "Offline" not in words(shown_home())


def test_a_full_home_tab_fits():
    rows = [run_row(n, task="x" * 5_000) for n in range(100)]

    assert "…and 80 more" in words(shown_home(waiting=rows, running=rows, recent=rows))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_a_list_is_only_text(text):
    rows = [run_row(n, task=text) for n in range(8)]

    listed(rows, title=text, query=text, has_more=True, offset=8)
    listed([], title=text, query=text)
    shown_home(recent=rows)
