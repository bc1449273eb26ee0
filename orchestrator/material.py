"""What the tools of a worker can get of its run: results, files, the thread."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import col, select

from orchestrator.context import AttachedFile
from orchestrator.files.extract import Extract
from orchestrator.model.base import JsonObject
from orchestrator.store.database import Database
from orchestrator.store.load import Live
from orchestrator.store.tables import Artifact, ArtifactContent, Attempt
from orchestrator.tools.base import ToolContext

_EXTRACT = TypeAdapter(Extract)


def of(database: Database, live: Live) -> ToolContext:
    """What the tools of this run's workers may ask for."""
    return ToolContext(
        result=partial(_result, database, live),
        file=partial(_file, database, live.run.id),
        thread=_constant(live.run.context or None),
        attached=partial(_names, database, live.run.id, are_made=False),
        made=partial(_names, database, live.run.id, are_made=True),
    )


async def _result(database: Database, live: Live, number: int) -> str | None:
    """The full output of a subtask."""
    progress = live.state.subtasks.get(number)
    if progress is None or progress.output_attempt_id is None:
        return None
    query = select(Attempt.output).where(Attempt.id == progress.output_attempt_id)
    async with database.read() as session:
        return (await session.exec(query)).first()


async def _file(database: Database, run_id: str, name: str) -> Extract | None:
    """What was got out of a file that was attached."""
    query = (
        select(Artifact, ArtifactContent.text, ArtifactContent.shape)
        .join(Artifact, col(Artifact.id) == ArtifactContent.artifact_id)
        .where(Artifact.run_id == run_id, Artifact.name == name, col(Artifact.attempt_id).is_(None))
        .order_by(col(Artifact.id).desc())
    )
    async with database.read() as session:
        found = (await session.exec(query)).first()
    return _extract(*found) if found else None


def _extract(file: Artifact, text: str | None, shape: dict[str, Any] | None) -> Extract:
    return _EXTRACT.validate_python(
        {
            "name": file.name,
            "size_bytes": file.size,
            "text": text or "",
            "summary": file.summary,
            "note": file.note,
            **(shape or {"kind": "text"}),
        }
    )


async def pictures(database: Database, files: Iterable[AttachedFile]) -> tuple[JsonObject, ...]:
    """The attached pictures, as models are shown them."""
    shown = [file for file in files if file.mimetype.startswith("image/") and not file.is_refused]
    if not shown:
        return ()
    query = select(ArtifactContent.artifact_id, ArtifactContent.content).where(
        col(ArtifactContent.artifact_id).in_([file.id for file in shown])
    )
    async with database.read() as session:
        bytes_ = dict((await session.exec(query)).all())
    return tuple(_block(file.mimetype, bytes_[file.id]) for file in shown)


def _block(media_type: str, content: bytes) -> JsonObject:
    data = base64.b64encode(content).decode()
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


async def _names(database: Database, run_id: str, *, are_made: bool) -> tuple[str, ...]:
    """Of the files that workers made, or of those that people attached."""
    attempt = col(Artifact.attempt_id)
    which = attempt.is_not(None) if are_made else attempt.is_(None)
    query = select(Artifact.name).where(Artifact.run_id == run_id, which).order_by(Artifact.id)
    async with database.read() as session:
        return tuple((await session.exec(query)).all())


def _constant(value: Any) -> Callable[[], Awaitable[Any]]:
    async def given() -> Any:
        return value

    return given
