"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from bot import listeners
from orchestrator.model.base import Usage
from orchestrator.model.prices import PriceList
from tests import docs

ROOT = Path(__file__).parents[2]


def test_the_readme_lists_every_setting_as_it_is():
    readme = docs.README.read_text()
    assert readme == docs.renewed(readme)


@pytest.mark.parametrize("target", ["setup", "run", "test", "check", "bench", "soak"])
def test_the_makefile_has_the_targets_people_are_told_of(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_file_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", docs.README.read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_models_of_ones_own_are_free_with_the_prices_told_and_the_settings_are_there(tmp_path):
    page = (ROOT / "docs" / "models.md").read_text()
    (prices,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "prices.yml"
    file.write_text(prices)
    named = re.findall(r"export ORCHESTRATOR_(?:PLANNER|WORKER|FALLBACK)_MODEL=(\S+)", page)

    loaded = PriceList.load(file)

    assert {loaded.cost(model, Usage(1000, 1000)) for model in named} == {0}
    assert loaded.cost("qwen3-coder:30b", Usage(1000, 1000)) == 0
    told = set(re.findall(r"\b(?:ORCHESTRATOR|ANTHROPIC)_[A-Z_]+", page))
    assert [name for name in told if f"`{name}`" not in docs.settings_table()] == []


def test_no_file_of_versions_names_an_address():
    assert "://" not in (ROOT / "constraints.txt").read_text()


class Registrations:
    """Takes the place of a Bolt app and notes what is registered."""

    def __init__(self):
        self.events, self.commands, self.shortcuts = set(), set(), set()

    def event(self, name, middleware=()):
        self.events.add(name)
        return lambda listener: listener

    def command(self, name):
        self.commands.add(name)
        return lambda listener: listener

    def message_shortcut(self, name):
        self.shortcuts.add(name)
        return lambda listener: listener

    def action(self, _):
        return lambda listener: listener

    view = action


@pytest.fixture
def manifest():
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


@pytest.fixture
def registered():
    registrations = Registrations()
    listeners.register(registrations, None)
    return registrations


def test_the_manifest_has_the_commands_that_are_listened_to_and_no_other(manifest, registered):
    declared = {command["command"] for command in manifest["features"]["slash_commands"]}
    assert declared == registered.commands


def test_the_manifest_has_the_shortcuts_that_are_listened_to_and_no_other(manifest, registered):
    declared = {shortcut["callback_id"] for shortcut in manifest["features"]["shortcuts"]}
    assert declared == registered.shortcuts


def test_the_manifest_has_the_events_that_are_listened_to_and_no_other(manifest, registered):
    declared = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert {event.partition(".")[0] for event in declared} == registered.events
