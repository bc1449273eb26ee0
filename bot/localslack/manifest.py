"""What the app's manifest declares: commands, shortcuts, events and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts that decide what the bot is sent and may do.

    `scopes` and `events` are None where nothing is declared: then everything goes.
    """

    commands: tuple[dict[str, Any], ...] = ()
    shortcuts: tuple[dict[str, Any], ...] = ()
    scopes: frozenset[str] | None = None
    events: frozenset[str] | None = None
    redirect_urls: tuple[str, ...] = ()
    home_tab: bool = True
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def app_name(self) -> str:
        """What the app is called."""
        return str((self.raw.get("display_information") or {}).get("name", "Orchestrator"))

    @property
    def handle(self) -> str:
        """What people write after the @."""
        bot = (self.raw.get("features") or {}).get("bot_user") or {}
        return str(bot.get("display_name", self.app_name.casefold()))

    @property
    def is_assistant(self) -> bool:
        """Whether people talk to the app in threads of an assistant only."""
        started = self.events is not None and "assistant_thread_started" in self.events
        return started and "assistant_view" in (self.raw.get("features") or {})

    @property
    def is_for_organisations(self) -> bool:
        """Whether an organisation may install the app as a whole."""
        return bool((self.raw.get("settings") or {}).get("org_deploy_enabled", not self.raw))

    def command(self, name: str) -> dict[str, Any] | None:
        """The declared slash command of that name."""
        return next((c for c in self.commands if c["command"] == name), None)

    def shortcut(self, callback_id: str) -> dict[str, Any] | None:
        """The declared shortcut of that callback id."""
        return next((s for s in self.shortcuts if s["callback_id"] == callback_id), None)

    def wants(self, event: str) -> bool:
        """Whether the app subscribed to events of that name."""
        return self.events is None or event in self.events

    def allows(self, *scopes: str) -> bool:
        """Whether the app has one of the scopes."""
        return self.scopes is None or not scopes or not self.scopes.isdisjoint(scopes)


def read_manifest(path: Path | None) -> Manifest:
    """The manifest at `path`; an empty one where there is none.

    Raises `ConfigurationError` for a file that is not a manifest.
    """
    if path is None or not path.is_file():
        return Manifest()
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path.name} is not an app manifest.")
    features = raw.get("features") or {}
    settings = raw.get("settings") or {}
    return Manifest(
        commands=tuple(features.get("slash_commands") or ()),
        shortcuts=tuple(features.get("shortcuts") or ()),
        scopes=_names((raw.get("oauth_config") or {}).get("scopes"), "bot"),
        redirect_urls=tuple((raw.get("oauth_config") or {}).get("redirect_urls") or ()),
        events=_names(settings.get("event_subscriptions"), "bot_events"),
        home_tab=(features.get("app_home") or {}).get("home_tab_enabled", True),
        raw=raw,
    )


def _names(section: dict[str, Any] | None, key: str) -> frozenset[str] | None:
    listed = (section or {}).get(key)
    return None if listed is None else frozenset(listed)
