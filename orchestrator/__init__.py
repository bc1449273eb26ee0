"""Does complex tasks with a team of LLM workers; knows nothing of Slack and works alone."""

from orchestrator.commands import Actor, Approve, Create
from orchestrator.orchestrator import Ended, Orchestrator
from orchestrator.settings import Settings

__all__ = ["Actor", "Approve", "Create", "Ended", "Orchestrator", "Settings"]
