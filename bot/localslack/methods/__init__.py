"""The Web API methods, a module for each family."""

from __future__ import annotations

from bot.localslack.methods import (
    agents,
    chat,
    conversations,
    files,
    oauth,
    reactions,
    streams,
    team,
    users,
    views,
)
from bot.localslack.methods.base import ApiCall, Method

FAMILIES = (agents, chat, conversations, files, oauth, reactions, streams, team, users, views)
METHODS: dict[str, Method] = {
    method.name: method for family in FAMILIES for method in family.METHODS
}

__all__ = ["METHODS", "ApiCall", "Method"]
