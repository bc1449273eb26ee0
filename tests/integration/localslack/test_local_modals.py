"""Modals in the local workspace."""

from __future__ import annotations

import asyncio

import pytest
from slack_sdk.errors import SlackApiError

from bot.localslack.errors import PersonError


def text(words):
    return {"type": "plain_text", "text": words}


def modal(title="Edit", **more):
    view = {
        "type": "modal",
        "callback_id": "edit",
        "title": text(title),
        "submit": text("Save"),
        "blocks": [
            {
                "type": "input",
                "block_id": "name",
                "label": text("Title"),
                "element": {"type": "plain_text_input", "action_id": "in", "initial_value": "Old"},
            },
            {
                "type": "input",
                "block_id": "role",
                "label": text("Role"),
                "optional": True,
                "element": {
                    "type": "static_select",
                    "action_id": "in",
                    "options": [
                        {"text": text("Writer"), "value": "w"},
                        {"text": text("Reviewer"), "value": "r"},
                    ],
                },
            },
        ],
    }
    return view | more


def opens(bot, view):
    """`start` opens the view; every view_submission body goes to `seen`."""

    @bot.app.shortcut("start")
    async def on_start(ack, shortcut, client):
        await ack()
        await client.views_open(trigger_id=shortcut["trigger_id"], view=view)


async def test_a_modal_is_filled_in_and_submitted(bot, ada):
    opens(bot, modal())

    @bot.app.view("edit")
    async def on_edit(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    assert dialog.labels == ["Title", "Role"]
    assert dialog.value("Title") == "Old"
    dialog.fill("Title", "New")
    dialog.fill("Role", "Reviewer")
    done = await dialog.submit()
    assert done.closed
    assert await ada.views() == []
    values = (await bot.next())["view"]["state"]["values"]
    assert values["name"]["in"] == {"type": "plain_text_input", "value": "New"}
    assert values["role"]["in"]["selected_option"]["value"] == "r"


async def test_what_was_not_touched_is_submitted_as_the_bot_left_it(bot, ada):
    opens(bot, modal())

    @bot.app.view("edit")
    async def on_edit(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    await ada.shortcut("start")
    await (await ada.modal()).submit()
    values = (await bot.next())["view"]["state"]["values"]
    assert values["name"]["in"]["value"] == "Old"
    assert values["role"]["in"]["selected_option"] is None


async def test_errors_of_the_bot_keep_the_modal_open(bot, ada):
    opens(bot, modal())

    @bot.app.view("edit")
    async def on_edit(ack):
        await ack(response_action="errors", errors={"name": "Too short"})

    await bot.connect()
    await ada.shortcut("start")
    done = await (await ada.modal()).submit()
    assert (done.closed, done.errors) == (False, {"Title": "Too short"})
    assert len(await ada.views()) == 1


async def test_a_required_field_left_empty_never_reaches_the_bot(bot, ada):
    opens(bot, modal())
    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    dialog.fill("Title", None)
    done = await dialog.submit()
    assert done.errors == {"Title": "Please complete this required field."}


async def test_errors_for_a_block_that_is_no_input_are_refused_as_slack_does(bot, ada, workspace):
    opens(bot, modal())

    @bot.app.view("edit")
    async def on_edit(ack):
        await ack(response_action="errors", errors={"nowhere": "Too short"})

    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    with pytest.raises(PersonError, match="bot_error"):
        await dialog.submit()
    assert workspace.refused[-1].method == "view_submission:ack"


async def test_a_submission_can_push_update_and_clear(bot, ada):
    opens(bot, modal())

    @bot.app.view("edit")
    async def on_edit(ack):
        await ack(response_action="push", view=modal("Second", callback_id="second"))

    @bot.app.view("second")
    async def on_second(ack):
        await ack(response_action="update", view=modal("Third", callback_id="third"))

    @bot.app.view("third")
    async def on_third(ack):
        await ack(response_action="clear")

    await bot.connect()
    await ada.shortcut("start")
    assert not (await (await ada.modal()).submit()).closed
    second = await ada.modal(predicate=lambda view: view["title"]["text"] == "Second")
    assert second.view["previous_view_id"] == (await ada.views())[0]["id"]
    await second.submit()
    third = await ada.modal(predicate=lambda view: view["title"]["text"] == "Third")
    assert third.view["id"] == second.view["id"]
    assert (await third.submit()).closed
    assert await ada.views() == []


async def test_what_was_typed_survives_an_update_by_a_button(bot, ada):
    button = {"type": "button", "action_id": "more", "text": text("Add one")}
    view = modal()
    view["blocks"].append({"type": "actions", "block_id": "buttons", "elements": [button]})
    opens(bot, view)

    @bot.app.action("more")
    async def on_more(ack, body, client):
        await ack()
        await bot.seen.put(body)
        grown = modal("More")
        await client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=grown)

    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    dialog.fill("Title", "Typed")
    await dialog.click("Add one")
    grown = await dialog.wait_for(lambda m: m.title == "More")
    assert grown.value("Title") == "Typed"
    body = await bot.next()
    assert body["container"] == {"type": "view", "view_id": dialog.view["id"]}
    assert body["view"]["state"]["values"]["name"]["in"]["value"] == "Typed"


async def test_what_is_typed_into_a_home_tab_comes_with_a_click_there(bot, ada):
    button = {"type": "button", "action_id": "save", "text": text("Save")}
    blocks = [modal()["blocks"][0], {"type": "actions", "elements": [button]}]

    @bot.app.event("app_home_opened")
    async def on_home(event, client):
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @bot.app.action("save")
    async def on_save(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    home = await ada.open_home()
    home.fill("Title", "Typed")
    await home.click("Save")
    assert (await bot.next())["view"]["state"]["values"]["name"]["in"]["value"] == "Typed"


async def test_closing_tells_the_bot_only_where_it_asked(bot, ada):
    opens(bot, modal(notify_on_close=True))

    @bot.app.view_closed("edit")
    async def on_close(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    await ada.shortcut("start")
    await (await ada.modal()).close()
    assert (await bot.next())["type"] == "view_closed"
    assert await ada.views() == []


async def trigger_of(bot, ada, clock=None):
    """A trigger the bot has been given and not used."""
    triggers: asyncio.Queue[str] = asyncio.Queue()

    @bot.app.shortcut("start")
    async def on_start(ack, shortcut):
        await ack()
        await triggers.put(shortcut["trigger_id"])

    await bot.connect()
    await ada.shortcut("start")
    return await asyncio.wait_for(triggers.get(), 5)


async def test_a_trigger_works_once(bot, ada, client):
    trigger = await trigger_of(bot, ada)
    await client.views_open(trigger_id=trigger, view=modal())
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=modal())


async def test_a_trigger_expires(workspace, bot, ada, client):
    trigger = await trigger_of(bot, ada)
    workspace.workspace.triggers.life_s = -1
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=trigger, view=modal())


async def test_an_invented_trigger_is_refused(client):
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await client.views_open(trigger_id="1.2.3", view=modal())


async def test_an_outdated_hash_conflicts(bot, ada, client):
    trigger = await trigger_of(bot, ada)
    opened = (await client.views_open(trigger_id=trigger, view=modal()))["view"]
    update = {"view_id": opened["id"], "hash": opened["hash"], "view": modal("Two")}
    await client.views_update(**update)
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(**update)


async def test_a_closed_view_is_not_found(bot, ada, client):
    trigger = await trigger_of(bot, ada)
    opened = (await client.views_open(trigger_id=trigger, view=modal()))["view"]
    await (await ada.modal()).close()
    with pytest.raises(SlackApiError, match="not_found"):
        await client.views_update(view_id=opened["id"], view=modal())


async def test_no_more_than_three_modals_lie_on_each_other(bot, ada, client):
    button = {"type": "button", "action_id": "push", "text": text("Deeper")}
    view = modal()
    view["blocks"].append({"type": "actions", "elements": [button]})
    opens(bot, view)

    @bot.app.action("push")
    async def on_push(ack, body, client):
        await ack()
        try:
            await client.views_push(trigger_id=body["trigger_id"], view=view)
        except SlackApiError as error:
            await bot.seen.put({"error": error.response["error"]})

    await bot.connect()
    await ada.shortcut("start")
    for depth in (1, 2, 3):
        dialog = await ada.modal(
            predicate=lambda top, wanted=depth: depth_of(top) >= min(wanted, 2)
        )
        await dialog.click("Deeper")
        if depth < 3:
            await ada.modal(predicate=lambda top, old=dialog: top["id"] != old.view["id"])
    assert (await bot.next())["error"] == "push_limit_reached"
    assert len(await ada.views()) == 3


def depth_of(view):
    return 1 if view["previous_view_id"] is None else 2
