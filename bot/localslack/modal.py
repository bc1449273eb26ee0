"""Dialogs and the Home tab, as a person fills them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.localslack.controls import Control, choices, controls, options, plain_label
from bot.localslack.errors import PersonError
from bot.localslack.seen import JsonObject, readable

if TYPE_CHECKING:
    from bot.localslack.person import Person


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a submitted modal; `errors` are by the label of the input."""

    closed: bool
    errors: dict[str, str]


class Filled:
    """A view and what a person has put into it so far."""

    def __init__(self, person: Person, view: JsonObject):
        self.view = view
        self._person = person
        self._values: dict[str, dict[str, Any]] = {}
        self._suggested: dict[tuple[str, str], list[JsonObject]] = {}

    @property
    def blocks(self) -> list[JsonObject]:
        """Its blocks."""
        return list(self.view["blocks"])

    @property
    def buttons(self) -> list[str]:
        """The labels that can be clicked, from the top."""
        return [choice.label for choice in choices(self.blocks)]

    @property
    def words(self) -> str:
        """Everything in it that can be read."""
        return "\n".join(readable(self.blocks))

    async def click(self, label: str, *, block_id: str | None = None) -> None:
        """Click what is labelled so, or has that action_id."""
        control, value = find_choice(self.blocks, label, block_id)
        await self._person.act_on_view(self.view, control, value, self._values)

    async def choose(self, name: str, value: str | list[str]) -> None:
        """Choose in a select that tells the bot at once."""
        control = find_input(self.blocks, name, None)
        chosen = await self._person.chosen(self._container, control, value)
        await self._person.act_on_view(self.view, control, chosen, self._values)

    async def suggestions(self, name: str, typed: str) -> list[str]:
        """The labels of what the app suggests for what was typed into a select.

        They can be filled in then.
        """
        control = find_input(self.blocks, name, None)
        options = await self._person.suggested(self._container, control, typed)
        self._suggested.setdefault((control.block_id, control.action_id), []).extend(options)
        return [option["text"]["text"] for option in options]

    def fill(self, name: str, value: str | list[str] | None) -> None:
        """Put something into an input, named by its label, action_id or block_id."""
        control = find_input(self.blocks, name, None)
        values = self._values.setdefault(control.block_id, {})
        if value is not None and is_external(control.element):
            options = self._suggested.get((control.block_id, control.action_id), [])
            values[control.action_id] = as_option(options, value)
        else:
            values[control.action_id] = as_values(control.element, value)

    @property
    def _container(self) -> JsonObject:
        return {"type": "view", "view_id": self.view["id"]}


class Home(Filled):
    """The bot's Home tab."""


class Modal(Filled):
    """An open modal."""

    @property
    def title(self) -> str:
        """What it is headed with."""
        return str(self.view["title"]["text"])

    @property
    def labels(self) -> list[str]:
        """The labels of its inputs, from the top."""
        return [block["label"]["text"] for block in self.blocks if block["type"] == "input"]

    def value(self, name: str) -> Any:
        """What an input holds as the bot left it: a text, an option's value, or a list."""
        control = find_input(self.blocks, name, None)
        entry = self.view["state"]["values"][control.block_id][control.action_id]
        held = next((held for key, held in entry.items() if key != "type"), None)
        if isinstance(held, list):
            return [item["value"] if isinstance(item, dict) else item for item in held]
        return held["value"] if isinstance(held, dict) and "value" in held else held

    async def submit(self) -> Submission:
        """Submit it with what was filled in."""
        answer = await self._person.submit(self.view["id"], self._values)
        labels = {
            block["block_id"]: block["label"]["text"]
            for block in self.blocks
            if block["type"] == "input"
        }
        errors = {labels[block]: text for block, text in answer.get("errors", {}).items()}
        return Submission(answer["closed"], errors)

    async def close(self) -> None:
        """Close it without submitting."""
        await self._person.close(self.view["id"])

    async def wait_for(self, predicate: Callable[[Modal], bool], timeout: float = 5.0) -> Modal:
        """This modal once the bot has updated it so that the predicate is true of it."""

        def is_it(view: JsonObject) -> bool:
            return view["id"] == self.view["id"] and predicate(Modal(self._person, view))

        found = await self._person.modal(timeout, is_it)
        found._values = self._values
        return found


def find_choice(
    blocks: list[JsonObject], label: str, block_id: str | None
) -> tuple[Control, str | None]:
    """What is labelled so, or has that action_id, and its value. Raises `PersonError`."""
    found = list(choices(blocks))
    for choice in found:
        named = label in (choice.label, choice.control.action_id)
        same = plain_label(choice.label) == plain_label(label) != ""
        if (named or same) and block_id in (None, choice.control.block_id):
            return choice.control, choice.value
    labels = [choice.label for choice in found]
    raise PersonError("no_such_control", f"Nothing is labelled {label!r}; there is {labels}.", 404)


def find_input(blocks: list[JsonObject], name: str, block_id: str | None) -> Control:
    """The input of that label, action_id, block_id or placeholder. Raises `PersonError`."""
    names = []
    for control in controls(blocks):
        label = control.block.get("label", {}).get("text", "")
        placeholder = control.element.get("placeholder", {}).get("text", "")
        known = (control.action_id, control.block_id, label, placeholder)
        same = plain_label(label) == plain_label(name) != ""
        if (name in known or same) and block_id in (None, control.block_id):
            return control
        names.append(label or control.action_id)
    raise PersonError("no_such_control", f"Nothing is labelled {name!r}; there is {names}.", 404)


def is_external(element: JsonObject) -> bool:
    """Return whether the app supplies the options of a select while one types."""
    return str(element.get("type")).endswith("external_select")


def as_option(options: list[JsonObject], value: str | list[str]) -> Any:
    """Return the suggested option of that label or value. Raises `PersonError`."""
    if isinstance(value, list):
        return [as_option(options, item) for item in value]
    for option in options:
        if value in (option["text"]["text"], option["value"]):
            return option
    labels = [option["text"]["text"] for option in options]
    raise PersonError("no_such_option", f"There is no option {value!r}; there is {labels}.", 404)


def as_values(element: JsonObject, value: str | list[str] | None) -> Any:
    """What was chosen, by label or value, as the values of the element's options."""
    if isinstance(value, list):
        return [as_values(element, item) for item in value]
    for option in options(element):
        if value in (option["text"]["text"], option["value"]):
            return option["value"]
    return value
