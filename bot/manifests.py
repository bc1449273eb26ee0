"""The app's manifest for each way in which Slack can reach the bot."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from bot.http import EVENTS_PATH
from bot.localslack.manifest import read_manifest
from bot.oauth import REDIRECT_PATH
from orchestrator.errors import ConfigurationError

Manifest = dict[str, Any]


def read(path: Path) -> Manifest:
    """Return the manifest for Socket Mode. Raises ConfigurationError where there is none."""
    manifest = read_manifest(path).raw
    if not manifest:
        raise ConfigurationError(f"There is no {path.name} here. Run this where it is.")
    return manifest


def over_http(manifest: Manifest, url: str, *, many: bool = False, org: bool = False) -> Manifest:
    """Return the manifest of an app to which Slack sends everything at `url`.

    `many` workspaces can install it, and with `org` organisations as a whole. Raises
    ConfigurationError for an address that Slack does not take.
    """
    base = _address(url)
    variant = copy.deepcopy(manifest)
    request_url = f"{base}{EVENTS_PATH}"
    variant["settings"] |= {"socket_mode_enabled": False, "org_deploy_enabled": org}
    variant["settings"]["event_subscriptions"]["request_url"] = request_url
    variant["settings"]["interactivity"]["request_url"] = request_url
    for command in variant["features"]["slash_commands"]:
        command["url"] = request_url
    if many or org:
        variant["oauth_config"]["redirect_urls"] = [f"{base}{REDIRECT_PATH}"]
    return variant


def written(manifest: Manifest) -> str:
    """Return a manifest as YAML."""
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{url} is not an address that Slack can send to: it has to begin with https:// and a "
            "host, such as https://orchestrator.example.com."
        )
    return url.rstrip("/")
