"""Files: their bytes on disk, what is known of them in the storage."""

from __future__ import annotations

import mimetypes
import secrets
from pathlib import Path, PurePosixPath

from bot.localslack import seed
from bot.localslack.errors import ApiError, PersonError
from bot.localslack.ids import Clock, new_id
from bot.localslack.storage import JsonObject, Storage

MOST_BYTES = 50_000_000
_OCTETS = "application/octet-stream"


class Files:
    """Takes files in two steps, as Slack does, and gives them out."""

    def __init__(self, storage: Storage, clock: Clock, base_url: str):
        self._storage = storage
        self._clock = clock
        self._base_url = base_url
        self._folder = storage.folder / "files"
        self._tickets: dict[str, str] = {}

    def begin(self, owner: str, name: str, length: int) -> tuple[str, str]:
        """Announce an upload of a bot's; gives the file's id and the URL to send it to."""
        if length < 1:
            raise ApiError("missing_argument", extra={"arg": "length"})
        if length > MOST_BYTES:
            raise ApiError("file_upload_size_restricted")
        file = self._new(name, owner, length, _guess(name))
        self._storage.put("file", file["id"], {**file, "state": "announced"})
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = file["id"]
        return file["id"], f"{self._base_url}/upload/v1/{ticket}"

    def receive(self, ticket: str, content: bytes) -> None:
        """The bytes of an announced upload. Raises `ApiError`."""
        file = self._storage.get("file", self._tickets.get(ticket, ""))
        if file is None:
            raise ApiError("upload_not_found", status=404)
        if len(content) != file["size"]:
            raise ApiError("length_mismatch", status=400)
        del self._tickets[ticket]
        self._write(file["id"], content)
        self._storage.put("file", file["id"], {**file, "state": "received"})

    def complete(self, file_id: str, title: str | None) -> JsonObject:
        """An upload is done. Raises `ApiError`."""
        file = self._storage.get("file", file_id)
        if file is None or file.get("state") != "received":
            raise ApiError("file_not_found")
        done = {**file, "title": title or file["name"]}
        del done["state"]
        self._storage.put("file", file_id, done)
        return done

    def add(self, owner: str, name: str, mimetype: str, content: bytes) -> JsonObject:
        """A file a person brings. Raises `PersonError`."""
        name = PurePosixPath(name).name
        if not name:
            raise PersonError("no_file_name", "A file needs a name.")
        if not 0 < len(content) <= MOST_BYTES:
            raise PersonError("file_size", "A file must have between 1 byte and 50 MB.", 413)
        guessed = _guess(name)
        file = self._new(name, owner, len(content), guessed if guessed != _OCTETS else mimetype)
        self._write(file["id"], content)
        self._storage.put("file", file["id"], file)
        return file

    def find(self, file_id: str) -> JsonObject | None:
        """What is known of a file that has arrived."""
        file = self._storage.get("file", file_id)
        return None if file is None or "state" in file else file

    def delete(self, file: JsonObject) -> None:
        """Take a file away; messages it was in stay without it."""
        self._storage.put("file", file["id"], {**file, "state": "deleted"})
        self.content(file).unlink(missing_ok=True)

    def share(self, file_ids: list[str], channel_id: str, ts: str) -> None:
        """Note where files were posted: who may see the message may see the file."""
        for file_id in file_ids:
            file = self._storage.get("file", file_id)
            assert file is not None, "files are checked before they are posted"
            shares = [*file["shares"], [channel_id, ts]]
            self._storage.put("file", file_id, {**file, "shares": shares})

    def content(self, file: JsonObject) -> Path:
        """Where the bytes are."""
        return self._folder / str(file["id"])

    def shown(self, file: JsonObject) -> JsonObject:
        """A file as the Web API shows it."""
        where = f"{self._team_of(file)}-{file['id']}"
        channels = sorted({channel for channel, _ in file["shares"]})
        private = f"{self._base_url}/files-pri/{where}/{file['name']}"
        return {
            **{key: value for key, value in file.items() if key != "shares"},
            "timestamp": file["created"],
            "mode": "hosted",
            "editable": False,
            "is_external": False,
            "is_public": False,
            "file_access": "visible",
            "url_private": private,
            "url_private_download": f"{self._base_url}/files-pri/{where}/download/{file['name']}",
            "permalink": f"{self._base_url}/files/{file['user']}/{file['id']}/{file['name']}",
            "channels": channels,
        }

    def _team_of(self, file: JsonObject) -> str:
        owner = self._storage.get("user", file["user"])
        return str(owner["team_id"]) if owner else seed.TEAM_ID

    def _write(self, file_id: str, content: bytes) -> None:
        self._folder.mkdir(exist_ok=True)
        (self._folder / file_id).write_bytes(content)

    def _new(self, name: str, owner: str, size: int, mimetype: str) -> JsonObject:
        filetype = PurePosixPath(name).suffix.removeprefix(".").lower() or "binary"
        return {
            "id": new_id("F"),
            "created": int(self._clock()),
            "name": name,
            "title": name,
            "mimetype": mimetype,
            "filetype": filetype,
            "pretty_type": filetype.upper(),
            "user": owner,
            "size": size,
            "shares": [],
        }


def _guess(name: str) -> str:
    known = {".md": "text/markdown", ".csv": "text/csv"}
    suffix = PurePosixPath(name).suffix.lower()
    return known.get(suffix) or mimetypes.guess_type(name)[0] or _OCTETS
