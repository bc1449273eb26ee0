"""Selects whose options the app supplies while a person types, and places to respond to."""

from __future__ import annotations

import pytest

from bot.localslack.errors import PersonError


def text(words):
    return {"type": "plain_text", "text": words}


def option(name):
    return {"text": text(name), "value": name.casefold()}


FRUITS = ("Apple", "Apricot", "Pear")
SELECT = {"type": "external_select", "action_id": "fruit", "placeholder": text("Which fruit?")}
MANY = {"type": "multi_external_select", "action_id": "fruits", "min_query_length": 0}


def field(label, element, block_id):
    return {"type": "input", "block_id": block_id, "label": text(label), "element": element}


def modal(*blocks):
    title = {"title": text("Fruit"), "submit": text("Take")}
    return {"type": "modal", "callback_id": "fruit", **title, "blocks": list(blocks)}


def suggests(bot, action_id):
    """Answers with the fruits that begin with what was typed; puts each request into `seen`."""

    @bot.app.options(action_id)
    async def on_options(ack, body):
        await bot.seen.put(body)
        found = [name for name in FRUITS if name.casefold().startswith(body["value"].casefold())]
        await ack(options=[option(name) for name in found])


def opens(bot, view):
    @bot.app.shortcut("start")
    async def on_start(ack, shortcut, client):
        await ack()
        await client.views_open(trigger_id=shortcut["trigger_id"], view=view)

    @bot.app.view("fruit")
    async def on_fruit(ack, body):
        await ack()
        await bot.seen.put(body)


async def test_options_are_asked_from_the_app_while_one_types_in_a_modal(bot, ada):
    suggests(bot, "fruit")
    opens(bot, modal(field("Fruit", SELECT, "one")))
    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    assert await dialog.suggestions("Fruit", "ap") == []
    assert bot.seen.empty()
    assert await dialog.suggestions("Fruit", "app") == ["Apple"]
    asked = await bot.next()
    assert (asked["type"], asked["value"]) == ("block_suggestion", "app")
    assert (asked["block_id"], asked["action_id"]) == ("one", "fruit")
    assert asked["container"] == {"type": "view", "view_id": dialog.view["id"]}
    dialog.fill("Fruit", "Apple")
    assert (await dialog.submit()).closed
    values = (await bot.next())["view"]["state"]["values"]
    assert values["one"]["fruit"] == {"type": "external_select", "selected_option": option("Apple")}


async def test_several_options_can_be_chosen_and_others_cannot(bot, ada):
    suggests(bot, "fruits")
    opens(bot, modal(field("Fruits", MANY, "many")))
    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    assert await dialog.suggestions("Fruits", "") == list(FRUITS)
    with pytest.raises(PersonError, match="no option 'Plum'"):
        dialog.fill("Fruits", ["Plum"])
    dialog.fill("Fruits", ["Apple", "pear"])
    await bot.next()
    assert (await dialog.submit()).closed
    values = (await bot.next())["view"]["state"]["values"]
    assert values["many"]["fruits"]["selected_options"] == [option("Apple"), option("Pear")]


async def test_an_empty_select_is_not_submitted(bot, ada):
    opens(bot, modal(field("Fruit", SELECT, "one")))
    await bot.connect()
    await ada.shortcut("start")
    done = await (await ada.modal()).submit()
    assert done.errors == {"Fruit": "Please complete this required field."}


async def test_options_are_asked_in_a_message_and_the_choice_is_told(bot, ada, client):
    suggests(bot, "fruit")

    @bot.app.action("fruit")
    async def on_fruit(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    blocks = [{"type": "actions", "block_id": "b", "elements": [SELECT]}]
    await client.chat_postMessage(channel="general", text="Fruit", blocks=blocks)
    message = await ada.wait_for("general", lambda message: message.text == "Fruit")
    await ada.choose(message, "Which fruit?", "Pear")
    asked = await bot.next()
    assert asked["container"]["message_ts"] == message.ts
    [action] = (await bot.next())["actions"]
    assert action["selected_option"] == option("Pear")


async def test_odd_options_are_recorded_as_slack_would_not_take_them(bot, ada, workspace):
    @bot.app.options("fruit")
    async def on_options(ack):
        await ack(options=[{"text": text("x" * 76), "value": "x"}])

    opens(bot, modal(field("Fruit", SELECT, "one")))
    await bot.connect()
    await ada.shortcut("start")
    with pytest.raises(PersonError, match="bot_error"):
        await (await ada.modal()).suggestions("Fruit", "xxx")
    assert workspace.refused[-1].method == "block_suggestion:ack"


async def test_a_modal_says_where_to_respond(bot, ada):
    place = {"type": "conversations_select", "action_id": "to", "response_url_enabled": True}
    other = {"type": "conversations_select", "action_id": "also"}
    opens(bot, modal(field("Where", place, "where"), field("Also", other, "also")))
    await bot.connect()
    await ada.shortcut("start")
    dialog = await ada.modal()
    dialog.fill("Where", "C0LOCALRES1")
    dialog.fill("Also", "C0LOCALGEN1")
    await dialog.submit()
    [answerable] = (await bot.next())["response_urls"]
    assert (answerable["block_id"], answerable["action_id"]) == ("where", "to")
    assert answerable["channel_id"] == "C0LOCALRES1"
    body = {"text": "Taken", "response_type": "in_channel"}
    async with bot.workspace.session.post(answerable["response_url"], json=body) as answer:
        assert answer.status == 200
    await ada.wait_for("research", lambda message: message.text == "Taken")
