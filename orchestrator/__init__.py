"""Does complex tasks with a team of LLM workers; knows nothing of Slack and works alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.commands import Actor, Approve, Create
    from orchestrator.orchestrator import Ended, Orchestrator
    from orchestrator.settings import Settings

__all__ = ["Actor", "Approve", "Create", "Ended", "Orchestrator", "Settings"]

_HOME = {
    "Actor": "commands",
    "Approve": "commands",
    "Create": "commands",
    "Ended": "orchestrator",
    "Orchestrator": "orchestrator",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for only then: who needs one module does not pay for all."""
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"orchestrator.{_HOME[name]}"), name)
