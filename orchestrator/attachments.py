"""Files people attached to a task: read once, kept with the run; planning waits for that."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col, select

from orchestrator import text
from orchestrator.commands import NewFile
from orchestrator.control import creating
from orchestrator.errors import UnreadableFile
from orchestrator.events import Event, EventKind
from orchestrator.files.extract import Extract
from orchestrator.files.extractor import Extractor
from orchestrator.store import calls, changes
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import LIVE, Artifact, FileStatus, Run, ToldFiles

told: sa.Table = ToldFiles.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that is still to be got. `source` is where from, `size` in bytes as it was said."""

    id: str
    run_id: str
    team_id: str
    name: str
    mimetype: str
    size: int
    source: str


class Attachments:
    """The files that runs wait for. Whoever can get them gives their bytes to `read`.

    `wake` is called with the id of a run that may go on.
    """

    def __init__(
        self, database: Database, extractor: Extractor, wake: Callable[[str], None]
    ) -> None:
        self._database = database
        self._extractor = extractor
        self._wake = wake

    async def pending(self) -> list[PendingFile]:
        """The files that live runs wait for, oldest first."""
        query = (
            select(Artifact, Run.team_id)
            .join(Run, col(Run.id) == Artifact.run_id)
            .where(Artifact.status == FileStatus.PENDING, col(Run.status).in_(LIVE))
            .order_by(col(Artifact.id))
        )
        async with self._database.read() as session:
            found = (await session.exec(query)).all()
        return [
            PendingFile(f.id, f.run_id, team, f.name, f.mimetype, f.size, f.source)
            for f, team in found
        ]

    async def read(self, file: PendingFile, content: bytes) -> None:
        """Read the file and keep it; what cannot be read is said."""
        try:
            extract = await self._extractor.extract(file.name, content, file.mimetype)
        except UnreadableFile as error:
            await self.refuse(file, str(error))
            return
        columns = {"mimetype": file.mimetype, **_columns(extract)}
        await self._settle(file, columns, _content(extract, content))

    async def refuse(self, file: PendingFile, sentence: str) -> None:
        """Go on without the file; `sentence` tells people why."""
        name = text.one_line(file.name)[:200]
        columns = {"status": FileStatus.REFUSED, "name": name, "note": sentence}
        await self._settle(file, columns, None)

    async def replace(self, file: PendingFile, files: Sequence[NewFile]) -> None:
        """Put `files` in the place of one that stood for all of its source; there may be none."""
        if await self._database.write(partial(_replace, id_=file.id, files=files)):
            self._wake(file.run_id)

    async def tell(self, team_id: str, source: str, files: Sequence[NewFile]) -> None:
        """Put `files` in the place of what stands for `source`, now or once a run waits for it."""
        tell = partial(_tell, team_id=team_id, source=source, files=files)
        for run_id in await self._database.write(tell):
            self._wake(run_id)

    async def take_told(self, file: PendingFile) -> bool:
        """Put what was told of its source in the file's place; return whether it waits no more."""
        is_settled, is_changed = await self._database.write(partial(_take_told, file=file))
        if is_changed:
            self._wake(file.run_id)
        return is_settled

    async def _settle(
        self, file: PendingFile, columns: dict[str, Any], content: dict[str, Any] | None
    ) -> None:
        work = partial(_save, file=file, columns=columns, content=content)
        if await self._database.write(work):
            self._wake(file.run_id)


def _columns(extract: Extract) -> dict[str, Any]:
    read = {"status": FileStatus.READ, "name": extract.name, "size": extract.size_bytes}
    if extract.image is not None:
        read["mimetype"] = extract.image.media_type
    return read | {"summary": extract.summary, "note": extract.note}


def _content(extract: Extract, content: bytes) -> dict[str, Any]:
    """A picture is kept as models take it, anything else as it came."""
    if extract.image is not None:
        content = base64.b64decode(extract.image.data)
    shape = {
        "kind": extract.kind,
        "unit": extract.unit,
        "parts": [asdict(p) for p in extract.parts],
    }
    return {"content": content, "text": extract.text or None, "shape": shape}


def _replace(connection: Connection, id_: str, files: Sequence[NewFile]) -> str | None:
    """Put `files` in the place of the one that stood for them, once; return the run that waits."""
    artifact = calls.artifact
    run_id = connection.execute(
        sa.delete(artifact)
        .where(artifact.c.id == id_, artifact.c.status == FileStatus.PENDING)
        .returning(artifact.c.run_id)
    ).scalar_one_or_none()
    if run_id is None:
        return None
    rows = [creating.pending(run_id, new) for new in files[: creating.MOST_FILES]]
    if rows:
        connection.execute(sa.insert(artifact), rows)
    _count(connection, run_id, len(rows) - 1)
    return str(run_id)


def _tell(connection: Connection, team_id: str, source: str, files: Sequence[NewFile]) -> list[str]:
    """Return the runs that waited for `source`; where none does, keep `files` for one to come."""
    artifact, run = calls.artifact, changes.run
    waiting = connection.execute(
        sa.select(artifact.c.id)
        .join(run, run.c.id == artifact.c.run_id)
        .where(
            run.c.team_id == team_id,
            run.c.status.in_(LIVE),
            run.c.files_pending > 0,
            artifact.c.source == source,
            artifact.c.status == FileStatus.PENDING,
        )
    ).scalars()
    runs = [run_id for id_ in waiting.all() if (run_id := _replace(connection, id_, files))]
    if not runs:
        _forget_told(connection, team_id, source)
        known = [asdict(file) for file in files]
        changes.insert_once(connection, ToldFiles(team_id=team_id, source=source, files=known))
    return runs


def _take_told(connection: Connection, file: PendingFile) -> tuple[bool, bool]:
    """Return whether the file waits no more, and whether that is new."""
    artifact = calls.artifact
    is_pending = (artifact.c.id == file.id) & (artifact.c.status == FileStatus.PENDING)
    if connection.execute(sa.select(artifact.c.id).where(is_pending)).first() is None:
        return True, False
    known = _forget_told(connection, file.team_id, file.source)
    if known is None:
        return False, False
    _replace(connection, file.id, [NewFile(**one) for one in known])
    return True, True


def _forget_told(connection: Connection, team_id: str, source: str) -> list[dict[str, Any]] | None:
    """Return what was told of `source`, which is kept no longer; None where nothing was."""
    which = (told.c.team_id == team_id) & (told.c.source == source)
    known = connection.execute(sa.delete(told).where(which).returning(told.c.files))
    return known.scalar_one_or_none()


def _count(connection: Connection, run_id: str, more: int) -> None:
    """So many files more, or less, that the run waits for."""
    run = changes.run
    connection.execute(
        sa.update(run)
        .where(run.c.id == run_id)
        .values(
            files_pending=run.c.files_pending + more,
            commands=run.c.commands + 1,
            version=run.c.version + 1,
            updated_at=now(),
        )
    )


def _save(
    connection: Connection,
    file: PendingFile,
    columns: dict[str, Any],
    content: dict[str, Any] | None,
) -> bool:
    """Settle the file, once; whether it was still to be read."""
    artifact = calls.artifact
    settled = connection.execute(
        sa.update(artifact)
        .where(artifact.c.id == file.id, artifact.c.status == FileStatus.PENDING)
        .values(columns)
    )
    if settled.rowcount != 1:
        return False
    if content is not None:
        connection.execute(sa.insert(calls.content), [{"artifact_id": file.id, **content}])
    _count(connection, file.run_id, -1)
    data = {"name": file.name, "note": columns["note"]}
    changes.add_events(connection, [Event(EventKind.FILE_READ, file.run_id, data=data)])
    return True
