"""Past runs: what `/runs` was asked for, as conditions on the rows."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, select

from orchestrator.commands import Actor
from orchestrator.store.tables import (
    LIVE,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    RunStatus,
)

PAGE = 8
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^>]*)?>")


def conditions(query: str, actor: Actor, channels: Collection[str]) -> list[ColumnElement[bool]]:
    """What the runs must meet that `query` asks for, of those this person may see."""
    is_mine = col(Run.requester) == actor.user_id
    found = [col(Run.team_id) == actor.team_id, or_(is_mine, col(Run.channel).in_(channels))]
    words = query.split()
    if not words:
        found.append(is_mine)
    return found + [_condition(word) for word in words if word != "all"]


def _condition(word: str) -> ColumnElement[bool]:
    if channel := _CHANNEL.fullmatch(word):
        return col(Run.channel) == channel[1]
    match word.lower():
        case "running":
            return col(Run.status).in_(LIVE)
        case "failed":
            return col(Run.status).in_((RunStatus.FAILED, RunStatus.STOPPED, RunStatus.EXPIRED))
        case "dead":
            letters = select(Request.run_id).where(
                Request.kind == RequestKind.DEAD_LETTER, Request.status == RequestStatus.OPEN
            )
            return col(Run.id).in_(letters)
    pattern = f"%{_escaped(word)}%"
    return or_(col(Run.task).ilike(pattern, escape="\\"), col(Run.name).ilike(pattern, escape="\\"))


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def title(query: str) -> str:
    """What the list is called."""
    words = query.split()
    if not words:
        return "Your runs"
    return "All runs" if words == ["all"] else f"Runs: {' '.join(words)}"
