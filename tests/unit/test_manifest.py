"""The manifest says what the code does: commands, shortcuts, events and scopes, both ways."""

import ast
import inspect
from pathlib import Path

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot import listeners, scopes

ROOT = Path(__file__).parents[2]

_READ = {"channels:read", "groups:read", "im:read", "mpim:read"}
_HISTORY = {"channels:history", "groups:history", "im:history", "mpim:history"}

# What each method of the Web API needs, from its page at docs.slack.dev; in a channel of any kind.
METHODS = {
    "agents.sessions.setStatus": {"assistant:write"},
    "apps_connections_open": set(),
    "assistant_threads_setStatus": {"assistant:write"},
    "assistant_threads_setSuggestedPrompts": {"assistant:write"},
    "assistant_threads_setTitle": {"assistant:write"},
    "auth_test": set(),
    "chat_appendStream": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_getPermalink": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_startStream": {"chat:write"},
    "chat_stopStream": {"chat:write"},
    "chat_stream": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": _HISTORY,
    "conversations_info": _READ,
    "conversations_members": _READ,
    "conversations_open": {"im:write"},
    "conversations_replies": _HISTORY,
    "files_info": {"files:read"},
    "files_upload_v2": {"files:write"},
    "reactions_add": {"reactions:write"},
    "reactions_remove": {"reactions:write"},
    "usergroups_list": {"usergroups:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_conversations": _READ,
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
EVENTS = {
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set(),
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "message.mpim": {"mpim:history"},
    "tokens_revoked": set(),
}
# The files that people attach are downloaded with the token, by no method; a message to a person
# opens their direct messages.
ALSO = {"commands", "files:read", "im:write"}


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


class Registered:
    """Stands in for the app and keeps what is registered."""

    def __init__(self):
        self.names = {}

    def __getattr__(self, kind):
        def register(name, **_):
            self.names.setdefault(kind, set()).add(name)
            return lambda function: function

        return register


@pytest.fixture(scope="module")
def registered():
    app = Registered()
    listeners.register(app, None)
    return app.names


@pytest.fixture(scope="module")
def called():
    """The methods of the Web API that the bot calls."""
    folders = [ROOT / "bot", ROOT / "bot/blocks", ROOT / "bot/listeners"]
    files = [file for folder in folders for file in folder.glob("*.py")]
    # That one passes on what others call by name.
    files.remove(ROOT / "bot/web_client.py")
    return {name for file in files for name in methods_in(ast.parse(file.read_text()))}


def methods_in(tree):
    known = {name for name, _ in inspect.getmembers(AsyncWebClient, inspect.iscoroutinefunction)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "api_call":
            raise AssertionError("name the method by its function, or teach this test")
        if isinstance(node, ast.Attribute) and node.attr in known and "_" in node.attr:
            yield node.attr


def test_the_commands_are_those_that_are_listened_to(manifest, registered):
    declared = {command["command"] for command in manifest["features"]["slash_commands"]}
    assert declared == registered["command"]


def test_the_shortcuts_are_those_that_are_listened_to(manifest, registered):
    declared = {shortcut["callback_id"] for shortcut in manifest["features"]["shortcuts"]}
    assert declared == registered["message_shortcut"]


def test_the_events_are_those_that_are_listened_to(manifest, registered):
    declared = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert {event.split(".")[0] for event in declared} == registered["event"]
    assert sorted(declared) == declared


def test_the_scopes_are_those_that_the_code_needs(manifest, called):
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    needed = set().union(ALSO, *(METHODS[name] for name in called), *(EVENTS[e] for e in events))
    if "agent_view" in manifest["features"]:
        needed.add("assistant:write")
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed


def test_the_doctor_and_oauth_ask_for_the_same_scopes(manifest):
    assert manifest["oauth_config"]["scopes"]["bot"] == list(scopes.NEEDED)


def test_people_can_be_named_in_commands(manifest):
    assert all(command["should_escape"] for command in manifest["features"]["slash_commands"])
