"""The manifest for each way in which Slack can reach the bot."""

from pathlib import Path

import pytest
import yaml

from bot import manifests
from orchestrator.errors import ConfigurationError

FILE = Path(__file__).parents[2] / "manifest.yml"
URL = "https://bot.example.com"
EVENTS = f"{URL}/slack/events"


@pytest.fixture
def manifest():
    return manifests.read(FILE)


def changed(before, after, path=""):
    """The paths at which two manifests differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from changed(before.get(key), after.get(key), f"{path}.{key}".strip("."))
    elif before != after:
        yield path


def test_over_http_everything_is_sent_to_the_address(manifest):
    variant = manifests.over_http(manifest, f"{URL}/")
    assert sorted(changed(manifest, variant)) == [
        "features.slash_commands",
        "settings.event_subscriptions.request_url",
        "settings.interactivity.request_url",
        "settings.socket_mode_enabled",
    ]
    settings = variant["settings"]
    assert settings["event_subscriptions"]["request_url"] == EVENTS
    assert settings["interactivity"]["request_url"] == EVENTS
    assert settings["socket_mode_enabled"] is False
    assert {command["url"] for command in variant["features"]["slash_commands"]} == {EVENTS}


@pytest.mark.parametrize("org", [False, True])
def test_who_installs_is_led_back_to_the_address(manifest, org):
    variant = manifests.over_http(manifest, URL, many=True, org=org)
    assert variant["oauth_config"]["redirect_urls"] == [f"{URL}/slack/oauth_redirect"]
    assert variant["settings"]["org_deploy_enabled"] is org


def test_an_address_may_have_a_path(manifest):
    variant = manifests.over_http(manifest, f"{URL}/orchestrator/")
    request_url = variant["settings"]["interactivity"]["request_url"]
    assert request_url == f"{URL}/orchestrator/slack/events"


@pytest.mark.parametrize(
    "url", ["", "bot.example.com", "http://bot.example.com", "https://", f"{URL}?a=1"]
)
def test_an_address_that_slack_does_not_take_is_told(manifest, url):
    with pytest.raises(ConfigurationError, match="not an address that Slack can send to"):
        manifests.over_http(manifest, url)


def test_what_is_written_is_read_back(manifest):
    variant = manifests.over_http(manifest, URL, many=True)
    assert yaml.safe_load(manifests.written(variant)) == variant


def test_a_folder_without_a_manifest_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no manifest\.yml here"):
        manifests.read(tmp_path / "manifest.yml")
