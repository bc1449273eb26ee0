"""Servers as other programs are told of them: the `mcpServers` of any README. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Part = dict[str, Any]

_NAME_CHARS = 40
_OTHER = re.compile(r"[^A-Za-z0-9]+")
# Keys that mean here what they mean there, and those of addresses.
_SAME = ("command", "args", "env", "cwd", "headers")
_ADDRESSES = ("url", "serverUrl", "httpUrl")
# Keys of ours that somebody may have added.
_OURS = ("tools", "roles", "changes", "start_timeout_s", "call_timeout_s", "result_tokens")
_KINDS = ("type", "transport")
_FOREIGN = {"mcpServers", "mcp"}
_TOP = {"tools", "servers", *_FOREIGN}
_SSE = "sse"
_SWITCHED_OFF = "disabled"


@dataclass(frozen=True, slots=True)
class Pasted:
    """A tools file of ours, and a sentence for each thing in it that means nothing here."""

    loaded: Any
    notes: tuple[str, ...] = ()


def adopted(loaded: Any) -> Pasted:
    """Return a tools file whose `mcpServers` are servers like ours, for all roles.

    VS Code has them as `servers` with a `type`, and its settings have these in `mcp`.
    """
    if not isinstance(loaded, dict):
        return Pasted(loaded)
    servers = _mapping(loaded.get("servers"))
    theirs = {name: part for name, part in servers.items() if _is_theirs(part)}
    theirs |= _mapping(_mapping(loaded.get("mcp")).get("servers"))
    theirs |= _mapping(loaded.get("mcpServers"))
    if not theirs and not _FOREIGN & loaded.keys():
        return Pasted(loaded)
    notes = [f"“{key}” means nothing here." for key in loaded if key not in _TOP]
    if not isinstance(loaded.get("mcpServers", {}), dict):
        notes.append("“mcpServers” does not have servers by their names.")
    ours = {name: part for name, part in servers.items() if name not in theirs}
    for name, part in theirs.items():
        if _mapping(part).get(_SWITCHED_OFF) is True:
            notes.append(f"The server “{name}” is disabled.")
        else:
            ours[_name(str(name))] = _server(name, part, notes) if isinstance(part, dict) else part
    kept = {key: loaded[key] for key in ("tools",) if key in loaded}
    return Pasted({**kept, "servers": ours}, tuple(notes))


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _is_theirs(part: object) -> bool:
    return isinstance(part, dict) and any(isinstance(part.get(kind), str) for kind in _KINDS)


def _name(name: str) -> str:
    """Return a name that tools can begin with; others may have dots, spaces and slashes."""
    return _OTHER.sub("-", name).strip("-")[:_NAME_CHARS].rstrip("-")


def _server(name: object, part: Part, notes: list[str]) -> Part:
    server: Part = {key: part[key] for key in (*_SAME, *_OURS) if part.get(key) is not None}
    address = next((part[key] for key in _ADDRESSES if part.get(key)), None)
    if address is not None:
        server["url"] = address
    if any(part.get(kind) == _SSE for kind in _KINDS):
        server["transport"] = _SSE
    if isinstance(server.get("args"), list):
        server["args"] = [_word(value) for value in server["args"]]
    for key in ("env", "headers"):
        if isinstance(server.get(key), Mapping):
            server[key] = {str(k): _word(v) for k, v in server[key].items()}
    known = {*_SAME, *_OURS, *_ADDRESSES, *_KINDS, _SWITCHED_OFF}
    notes += [
        f"“{key}” of the server “{name}” means nothing here." for key in part if key not in known
    ]
    return {"roles": "all", **server}


def _word(value: object) -> object:
    """Return a number or a switch as the word that a program is given."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
