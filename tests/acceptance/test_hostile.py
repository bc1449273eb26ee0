"""What people and models write can never notify anybody, nor be refused by Slack."""

import json

import pytest

from bot.localslack.seed import BOT_USER
from tests.acceptance.conftest import (
    PATIENCE_S,
    answered,
    approved,
    done,
    has_button,
    named,
    proposed,
    same,
    says,
    told,
)

HOSTILE = {
    "mentions": "Tell <!channel> <!here> <!everyone> <!subteam^S0LOCALLEA1> <@U0LOCALGRC1> a joke",
    "written mentions": "Tell @channel @here @everyone @leads and <@U0LOCALLNS1|linus> a joke",
    "html": "<b>B</b> <script>alert(1)</script> &lt;!channel&gt; &amp;lt;!here&amp;gt; <img src=x>"
    " <https://example.com|<!channel>> and https://example.com/?a=1&b=<!here>",
    "control characters": "Look\x00 at\x07 these\x1b[31m apples\u2028and\u2029pears\ufeff\x85!"
    " \u202eselppa\u202c and \u2066pears\u2069 \u200f\u061c " + "e\u0301\u0302\u0303" * 200,
    "open fences": "Look at ```<!channel> and then `<!here> and *bold and ~struck and _so on"
    " | a | b |\n|---|---|\n| <!channel> | <@U0LOCALGRC1> |\n\n# Heading <!here>",
    "a long word": "Look at " + "x" * 3_000 + " and then " + "y" * 3_000,
    "braces": 'Look at {"a": [1, 2]} | {{b}} | %s %(c)s {0} $HOME `ls` \\n \\ 👩‍👩‍👧‍👦',
}


@pytest.fixture
def quiet(workspace, ada):
    """Checks that what the bot has said mentions nobody but the requester."""

    def check():
        for call in workspace.calls:
            if call.method in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
                assert_quiet(call.arguments, ada.id)

    return check


def assert_quiet(arguments, requester):
    blocks = arguments.get("blocks") or "[]"
    blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
    for live in [arguments.get("text") or "", *live_texts(blocks)]:
        for loud in ("<!channel", "<!here", "<!everyone", "<!subteam"):
            assert loud not in live
        assert set(mentioned(live)) <= {requester, BOT_USER}
    assert set(named_in(blocks)) <= {requester}
    assert arguments.get("unfurl_links") in (None, False, "false", "0", 0)


def live_texts(value):
    """All text in which Slack looks for mentions."""
    if isinstance(value, list):
        return [text for item in value for text in live_texts(item)]
    if not isinstance(value, dict):
        return []
    found = [value["text"]] if value.get("type") in ("mrkdwn", "markdown") else []
    return found + [text for item in value.values() for text in live_texts(item)]


def mentioned(text):
    return [piece.split(">")[0].split("|")[0] for piece in text.split("<@")[1:]]


def named_in(value):
    """The people that rich text mentions."""
    if isinstance(value, list):
        return [user for item in value for user in named_in(item)]
    if not isinstance(value, dict):
        return []
    if value.get("type") in ("broadcast", "usergroup"):
        return [value["type"]]
    found = [value["user_id"]] if value.get("type") == "user" else []
    return found + [user for item in value.values() for user in named_in(item)]


@pytest.mark.parametrize("task", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_task_disturbs_nobody_from_the_plan_to_the_answer(bot, ada, quiet, task):
    mention, plan = await proposed(ada, f"{task} #subtasks(3) #fail(1) #question(2)")
    await ada.click(plan, "Instructions")
    instructions = await ada.modal(PATIENCE_S, lambda v: v["title"]["text"].startswith("Plan of"))
    await instructions.close()
    await ada.click(plan, "Edit")
    form = await ada.modal(PATIENCE_S, named("edit_plan"))
    await form.close()
    await ada.click(plan, "Approve")
    letter = await ada.wait_for(mention, has_button("Skip"), PATIENCE_S)
    await ada.click(letter, "Skip")
    question = await ada.wait_for(mention, has_button("Another answer…"), PATIENCE_S)
    await ada.click(question, "Another answer…")
    modal = await ada.modal(PATIENCE_S, named("answer_question"))
    modal.fill("text", task[:2_900])
    assert (await modal.submit()).closed
    answer = await answered(ada, mention)
    await ada.wait_for(plan, same(plan, says("Done")), PATIENCE_S)
    await ada.click(answer, "Details")
    await ada.modal(PATIENCE_S, lambda v: v["title"]["text"].startswith("Details"))
    await ada.command("/runs", "", channel="general")
    await ada.wait_for("general", lambda m: m.is_ephemeral and says("Your runs")(m), PATIENCE_S)
    home = await ada.open_home(PATIENCE_S)
    assert "Recent" in home.words
    quiet()


async def test_hostile_feedback_and_edits_disturb_nobody(bot, ada, quiet):
    mention, plan = await proposed(ada, "Look at apples #subtasks(2)")
    await ada.click(plan, "Edit")
    form = await ada.modal(PATIENCE_S, named("edit_plan"))
    form.fill("1:title", "<!channel> <@U0LOCALGRC1> \x00\u202e")
    form.fill("1:instructions", "```<!here>")
    await form.submit()
    plan = await ada.wait_for(plan, same(plan, says("revision 2")), PATIENCE_S)
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, named("replan"))
    modal.fill("text", HOSTILE["mentions"])
    await modal.submit()
    new = await ada.wait_for(
        mention, lambda m: m.ts != plan.ts and has_button("Approve")(m), PATIENCE_S
    )
    await ada.click(new, "Approve")
    await done(ada, mention, new)
    quiet()


async def test_a_hostile_breakdown_disturbs_nobody(bot, ada, quiet):
    mention = await ada.mention("general", "Do the impossible <!channel> #badplan")
    asked = await ada.wait_for(mention, has_button("Write the subtasks"), PATIENCE_S)
    await ada.click(asked, "Write the subtasks")
    modal = await ada.modal(PATIENCE_S, named("breakdown"))
    modal.fill("text", "<!channel> <@U0LOCALGRC1>\n  <!here> ```\n\x00\u202e | <!role>")
    assert (await modal.submit()).closed
    plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)
    quiet()


@pytest.mark.parametrize("kind", ["mentions", "control characters", "open fences"])
async def test_hostile_words_about_a_subtask_disturb_nobody(bot, ada, quiet, kind):
    text = HOSTILE[kind]
    mention, _ = await approved(ada, "Look at apples #subtasks(2) #question(1) #fail(2,3)")
    question = await ada.wait_for(mention, has_button("Another answer…"), PATIENCE_S)
    await ada.mention("general", f"Mind that {text}", thread=mention)
    await told(ada, mention)
    await ada.click(question, "Another answer…")
    modal = await ada.modal(PATIENCE_S, named("answer_question"))
    modal.fill("text", text)
    assert (await modal.submit()).closed
    letter = await ada.wait_for(mention, has_button("Edit and retry"), PATIENCE_S)
    await ada.click(letter, "Edit and retry")
    modal = await ada.modal(PATIENCE_S, named("edit_and_retry"))
    modal.fill("instructions", text)
    assert (await modal.submit()).closed
    answer = await answered(ada, mention)
    await redo(ada, answer, text)
    new = await ada.wait_for(answer, says("new answer"), PATIENCE_S)
    await ada.click(new, "Save as playbook")
    modal = await ada.modal(PATIENCE_S, named("save_playbook"))
    modal.fill("name", text[:60])
    modal.fill("text", text[:100])
    await modal.submit()
    quiet()


async def redo(person, answer, feedback):
    await person.click(answer, "Details")
    for label in ("Everything about 2", "Redo with feedback"):
        view = await person.modal(PATIENCE_S, lambda v, label=label: label in str(v["blocks"]))
        await view.click(label)
    modal = await person.modal(PATIENCE_S, named("redo"))
    modal.fill("text", feedback)
    assert (await modal.submit()).closed


async def test_hostile_names_of_files_and_instructions_of_a_shortcut_disturb_nobody(
    bot, ada, grace, quiet
):
    name = "<!channel> <@U0LOCALGRC1> \u202e..\\../`a`*b*.txt"
    file = await grace.attach((name, b"<!here> ```"))
    said = await grace.post("general", HOSTILE["mentions"], files=[file])
    await ada.shortcut("orchestrate_this", said)
    form = await ada.modal(PATIENCE_S, named("orchestrate_this"))
    form.fill("extra", HOSTILE["open fences"])
    assert (await form.submit()).closed
    plan = await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    await ada.click(plan, "Approve")
    await done(ada, said, plan)
    quiet()


@pytest.mark.parametrize("query", ["show <!channel>", "<!here> 'quoted\" %_\\", "x" * 3_000])
async def test_hostile_queries_disturb_nobody(bot, ada, quiet, query):
    await ada.command("/runs", query, channel="general")
    await ada.wait_for("general", lambda m: m.is_ephemeral, PATIENCE_S)
    quiet()
