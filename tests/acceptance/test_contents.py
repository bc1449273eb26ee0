"""What is in messages reaches the models whole: names, alerts, forwarded messages, long threads."""

import asyncio

import pytest

from bot.localslack import seed
from bot.localslack.faults import Fault
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    has_button,
    is_answer,
    named,
    proposed,
    same,
    says,
    told,
)

# What a person waits for a plan, though Slack would give the thread after a minute.
WITHIN_S = 10.0
BOT, GRACE = f"<@{seed.BOT_USER}>", f"<@{seed.GRACE}>"
ALERT = {"title": "DiskFull", "title_link": "https://g.example/a", "text": "`db-3` is at 97 %"}
READ = "DiskFull (https://g.example/a)\n`db-3` is at 97 %"


@pytest.fixture
def begun(rows):
    """The task and the context of the latest run."""
    return lambda: rows("SELECT task, context FROM run ORDER BY id DESC LIMIT 1")[0]


async def test_a_mention_in_the_middle_takes_nobody_elses_name_out(bot, ada, begun):
    asked = await ada.post("general", f"{GRACE} and I need this. {BOT} compare apples & pears")
    plan = await ada.wait_for(asked, has_button("Approve"), PATIENCE_S)
    task, context = begun()
    assert task == "@grace and I need this. compare apples & pears"
    assert f"@grace is {seed.GRACE}" in context
    assert GRACE not in str(plan.blocks)


async def test_names_stay_in_tasks_of_commands_and_notify_nobody(bot, ada, begun):
    typed = f"Prepare the handover from {GRACE} in <#C0LOCALRES1>"
    await ada.command("/orchestrate", typed, channel="general")
    await ada.wait_for("general", has_button("Approve"), PATIENCE_S)
    task, context = begun()
    assert task == "Prepare the handover from @grace in #research"
    assert "#research is C0LOCALRES1" in context
    assert GRACE not in str([m.blocks for m in await ada.messages("general")])


@pytest.mark.parametrize("said", [f"{BOT}, stop", f"hey {BOT} stop", f"{BOT} *stop* please"])
async def test_a_word_of_command_is_known_however_it_is_said(bot, ada, said):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #slow(1,60s) #slow(2,60s)")
    await ada.wait_for(ada.thread(mention), same(plan, has_button("Stop")), PATIENCE_S)
    await ada.reply(mention, said)
    await told(ada, ada.thread(mention), "was stopped")


async def test_what_other_apps_say_in_a_thread_is_context(bot, ada, workspace, begun):
    alert = await workspace.app_posts("general", attachments=[ALERT])
    mention = await ada.mention("general", "find out what is wrong", thread=alert)
    await ada.wait_for(ada.thread(mention), has_button("Approve"), PATIENCE_S)
    assert f"Alerts: {READ}" in begun()[1]


async def test_the_message_of_an_app_can_be_made_a_task(bot, ada, workspace, begun):
    alert = await workspace.app_posts("general", attachments=[ALERT])
    await ada.shortcut("orchestrate_this", alert)
    form = await ada.modal(PATIENCE_S, named("orchestrate_this"))
    assert "DiskFull" in form.words
    assert (await form.submit()).closed
    await ada.wait_for(ada.thread(alert), has_button("Approve"), PATIENCE_S)
    assert begun()[0] == READ


async def test_a_forwarded_message_is_part_of_the_task(bot, ada, grace, begun, rows):
    file = await grace.attach(("offer.csv", b"what,eur\npears,4\n"))
    said = await grace.post("research", "How much are pears?", files=[file])
    asked = await ada.forward(said, "general", f"{BOT} answer this")
    await ada.wait_for(ada.thread(asked), has_button("Approve"), PATIENCE_S)
    task = begun()[0]
    assert task.startswith("answer this\n\n[Forwarded message from @grace in #research, 20")
    assert task.endswith("]\n> How much are pears?\n> [file: offer.csv]")
    assert rows("SELECT name, status FROM artifact") == [("offer.csv", "read")]


@pytest.fixture
async def long_thread(ada, workspace):
    """The first and the last message of a thread of 1,051."""
    first = await ada.post("general", "Where do we go?")
    here = workspace.workspace
    for number in range(1_049):
        idea = {"user": seed.LINUS, "text": f"idea {number}"}
        here.messages.post(here.directory.channel("C0LOCALGEN1"), idea, thread_ts=first.ts)
        # The workspace has its turn, too.
        await asyncio.sleep(0)
    return first, await ada.reply(first, "DECIDED: Bergen, 3 June")


async def test_of_a_long_thread_the_beginning_and_the_end_are_read(
    bot, ada, long_thread, begun, workspace
):
    root, _ = long_thread
    await ada.mention("general", "book what was decided", thread=root)
    plan = await ada.wait_for(root, has_button("Approve"), PATIENCE_S)
    context = begun()[1]
    assert "ada: Where do we go?" in context
    assert "ada: DECIDED: Bergen, 3 June" in context
    assert "messages left out" in context
    assert "This thread is long" in plan.words
    calls = [c for c in workspace.workspace.recorder.calls if c.method == "conversations.replies"]
    assert len(calls) <= 4


async def test_the_last_message_of_a_long_thread_can_be_made_a_task(bot, ada, long_thread, begun):
    _, last = long_thread
    await ada.shortcut("orchestrate_this", last)
    form = await ada.modal(PATIENCE_S, named("orchestrate_this"))
    assert (await form.submit()).closed
    await ada.wait_for(last, has_button("Approve"), PATIENCE_S)
    assert begun()[0] == "DECIDED: Bergen, 3 June"


@pytest.mark.parametrize("status", [429, 500])
async def test_a_thread_that_cannot_be_read_holds_nothing_up(
    bot, ada, grace, workspace, begun, expected_refusals, status
):
    expected_refusals.update(("ratelimited", "internal_error"))
    said = await grace.post("general", "The launch moves")
    file = await ada.attach(("a.txt", b"apples"))
    code = "ratelimited" if status == 429 else "internal_error"
    fault = Fault("conversations.replies", code, status=status, retry_after_s=60)
    workspace.workspace.faults.add(fault)
    await ada.mention("general", "Draft an announcement", thread=said, files=[file])
    plan = await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    assert "could not read this thread" in plan.words
    assert "could not be read" in begun()[1]


async def test_outside_the_marketplace_a_second_thread_is_planned_without_what_was_said_in_it(
    bot, ada, grace, workspace, begun, expected_refusals
):
    expected_refusals.add("ratelimited")
    rates = workspace.workspace.rates
    apples, pears = [await thread_of_30(workspace, grace, topic) for topic in ("Apples", "Pears")]
    rates.enabled = rates.outside_marketplace = True
    await ada.mention("general", "Draft an announcement", thread=apples)
    plan = await ada.wait_for(apples, has_button("Approve"), WITHIN_S)
    assert "This thread is long" in plan.words
    assert "grace: Apples 7" in begun()[1]
    await ada.mention("general", "Draft an announcement", thread=pears)
    plan = await ada.wait_for(pears, has_button("Approve"), WITHIN_S)
    assert "could not read this thread" in plan.words
    assert "Pears" not in begun()[1]
    rates.enabled = False
    await ada.click(plan, "Approve")
    await ada.wait_for(pears, is_answer, PATIENCE_S)


async def thread_of_30(workspace, person, topic):
    first = await person.post("general", topic)
    here = workspace.workspace
    for number in range(29):
        said = {"user": person.id, "text": f"{topic} {number}"}
        here.messages.post(here.directory.channel(first.channel), said, thread_ts=first.ts)
    return first


async def test_a_file_without_words_is_asked_about_and_comes_with_the_answer(bot, ada, begun, rows):
    file = await ada.attach(("numbers.csv", b"fruit,count\napples,3\n"))
    sent = await ada.mention("general", "", files=[file])
    question = await ada.wait_for(ada.thread(sent), says("what should I do with", "numbers.csv"))
    assert not question.is_ephemeral
    assert rows("SELECT count(*) FROM run") == [(0,)]
    await ada.mention("general", "Add them up", thread=sent)
    await ada.wait_for(ada.thread(sent), has_button("Approve"), PATIENCE_S)
    assert begun()[0] == "Add them up"
    assert rows("SELECT name, status FROM artifact") == [("numbers.csv", "read")]


async def test_a_file_without_words_in_a_direct_message_is_asked_about(bot, ada, begun, rows):
    place = f"D{ada.id.removeprefix('U')}"
    sent = await ada.post(place, "", files=[await ada.attach(("n.csv", b"a,b\n1,2\n"))])
    await ada.wait_for(ada.thread(sent), says("what should I do with", "n.csv", "Answer in this"))
    await ada.reply(sent, "Add them up")
    await ada.wait_for(ada.thread(sent), has_button("Approve"), PATIENCE_S)
    assert rows("SELECT name, status FROM artifact") == [("n.csv", "read")]


async def test_what_a_person_says_through_another_app_is_theirs(bot, ada, begun):
    asked = await ada.send_through("Voice desk", "general", f"{BOT} compare apples and pears")
    await ada.wait_for(ada.thread(asked), has_button("Approve"), PATIENCE_S)
    assert begun()[0] == "compare apples and pears"


async def test_what_a_bot_says_begins_nothing(bot, ada, workspace, rows):
    await workspace.app_posts("general", f"{BOT} compare apples and pears")
    await proposed(ada, "Another one, so that the first has been looked at")
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_what_somebody_does_in_a_direct_message_is_said_to_the_bot(bot, ada, begun):
    said = await ada.me(f"D{ada.id.removeprefix('U')}", "wonders which apples keep longest")
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    assert begun()[0] == "wonders which apples keep longest"


async def test_a_mention_that_an_edit_adds_is_planned_once(bot, ada, workspace, rows):
    said = await ada.post("general", "compare apples and pears")
    await ada.edit(said, f"{BOT} compare apples and pears")
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    await proposed(ada, "Another one, so that both events have been looked at")
    assert rows("SELECT count(*) FROM attempt WHERE purpose = 'plan'") == [(2,)]


async def test_files_that_are_named_by_id_alone_get_their_names_and_kinds(
    bot, ada, rows, workspace
):
    """As in channels shared with another company."""
    numbers = await ada.attach(("numbers.csv", b"fruit,count\napples,3\n"))
    note = await ada.attach(("note.txt", b"Only apples matter."))
    stubs = [{"id": file, "file_access": "check_file_info"} for file in (numbers, note)]
    here, place = workspace.workspace, f"D{ada.id.removeprefix('U')}"
    body = {"user": ada.id, "text": "Add them up", "files": stubs}
    posted = here.messages.post(here.directory.channel(place), body)
    here.files.share([numbers, note], place, posted.ts)
    await ada.wait_for(place, has_button("Approve"), PATIENCE_S)
    found = rows("SELECT name, mimetype, status, summary FROM artifact ORDER BY id")
    assert [file[:3] for file in found] == [
        ("numbers.csv", "text/csv", "read"),
        ("note.txt", "text/plain", "read"),
    ]
    assert "fruit" in found[0][3]
