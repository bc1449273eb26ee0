"""What a deployment allows: the tools file, and what holds without one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import structlog
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from orchestrator import dotenv
from orchestrator.errors import ConfigurationError
from orchestrator.model.base import ServerTool
from orchestrator.tools import pasted

log = structlog.get_logger(__name__)

_SERVER_NAME = re.compile(r"[a-zA-Z0-9]+(?:[-_][a-zA-Z0-9]+)*")
# ${NAME}, ${NAME:-otherwise}, and ${env:NAME} as VS Code writes it.
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
# A shorter value is a word like any other: taken out of results, it would leave holes in them.
_SHORTEST_SECRET = 8


class _Strict(BaseModel):
    # What is wrong is told without its value, which may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Entry(_Strict):
    """A tool that needs no server of ours. `roles` says which may use it.

    None: those whose own tools, or whose subtask's, name it.
    """

    roles: Literal["all"] | tuple[str, ...] | None = None

    def is_for(self, role: str, wanted: Collection[str], name: str) -> bool:
        """Whether a worker of `role`, with `wanted` tools to its name, gets this one."""
        if self.roles is None:
            return name in wanted
        return self.roles == "all" or role in self.roles


class ForEveryone(Entry):
    """A tool that only reads what the run was given."""

    roles: Literal["all"] | tuple[str, ...] | None = "all"


class _ServiceTool(Entry):
    """A tool that runs at the model's service; what is set is passed on with each call."""

    def options(self) -> dict[str, Any]:
        """The parameters, as the service names them."""
        return self.model_dump(mode="json", exclude={"roles"}, exclude_none=True)


class _WebTool(_ServiceTool):
    allowed_domains: tuple[str, ...] | None = None
    blocked_domains: tuple[str, ...] | None = None
    max_uses: int | None = Field(default=8, ge=1)

    @field_validator("allowed_domains", "blocked_domains")
    @classmethod
    def _bare(cls, domains: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if any("://" in domain for domain in domains or ()):
            raise ValueError("domains are written without https://")
        return domains

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if self.allowed_domains and self.blocked_domains:
            raise ValueError("there can be allowed_domains or blocked_domains, not both")
        return self


class WebSearch(_WebTool):
    """Searching the web; `max_uses` of one call to the model."""


class WebFetch(_WebTool):
    """Reading pages whose addresses came up; `max_content_tokens` of each."""

    max_content_tokens: int | None = Field(default=20_000, ge=1)


class CodeExecution(_ServiceTool):
    """Running code in a container without a network."""


def _switched(value: Any) -> Any:
    """`name: true` and `name:` are the tool as it comes, `name: false` is none."""
    if value is False:
        return None
    return {} if value is True or value is None else value


class ToolEntries(_Strict):
    """The tools that come with the program; None is one that is switched off."""

    current_date: Annotated[ForEveryone | None, BeforeValidator(_switched)] = ForEveryone()
    calculate: Annotated[ForEveryone | None, BeforeValidator(_switched)] = ForEveryone()
    read_result: Annotated[ForEveryone | None, BeforeValidator(_switched)] = ForEveryone()
    read_file: Annotated[ForEveryone | None, BeforeValidator(_switched)] = ForEveryone()
    read_thread: Annotated[ForEveryone | None, BeforeValidator(_switched)] = ForEveryone()
    save_file: Annotated[Entry | None, BeforeValidator(_switched)] = Entry()
    web_search: Annotated[WebSearch | None, BeforeValidator(_switched)] = WebSearch()
    web_fetch: Annotated[WebFetch | None, BeforeValidator(_switched)] = WebFetch()
    code_execution: Annotated[CodeExecution | None, BeforeValidator(_switched)] = CodeExecution()

    def built_in(self) -> dict[str, Entry]:
        """The tools that are on and run here, by name."""
        return {name: entry for name, entry in self._on() if not isinstance(entry, _ServiceTool)}

    def services(self) -> dict[str, tuple[Entry, ServerTool]]:
        """The tools that are on and run at the model's service, by name."""
        return {
            name: (entry, ServerTool(name, entry.options()))
            for name, entry in self._on()
            if isinstance(entry, _ServiceTool)
        }

    def _on(self) -> Iterator[tuple[str, Entry]]:
        for name in type(self).model_fields:
            entry: Entry | None = getattr(self, name)
            if entry is not None:
                yield name, entry


Given = Literal["all"] | tuple[str, ...]


def _by_role(value: Any) -> Any:
    """`roles: all` and `roles: [a, b]` in the long form, role by role."""
    if value == "all":
        return {"all": "all"}
    if isinstance(value, list):
        return dict.fromkeys(value, "all")
    return value


class ServerConfig(_Strict):
    """An MCP server: a program of ours (`command`) or an address (`url`).

    `transport` of an address is streamable HTTP, or SSE, which came before it. `tools` are the
    only ones used of it; `roles` those that get it, by role, and without it whoever names the
    server or a tool of it. `changes` says which tools change something and need a person's
    approval: with `annotations` all but those the server calls read-only.
    Times are in seconds; a longer result than `result_tokens` is cut.
    """

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, SecretStr] = Field(default_factory=dict)
    cwd: Path | None = None
    url: str | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    transport: Literal["http", "sse"] = "http"
    tools: tuple[str, ...] | None = None
    roles: Annotated[dict[str, Given] | None, BeforeValidator(_by_role)] = None
    changes: Literal["annotations", "all", "none"] | tuple[str, ...] = "annotations"
    start_timeout_s: float = Field(default=30.0, gt=0, le=600)
    call_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    result_tokens: int = Field(default=8_000, ge=100)
    secrets: tuple[SecretStr, ...] = ()

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("a server has either a command or a url")
        if self.url is None and self.headers:
            raise ValueError("headers belong to a url")
        if self.command is None and (self.args or self.env or self.cwd):
            raise ValueError("args, env and cwd belong to a command")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("the url begins with https:// or http://")
        return self

    def given(self, server: str, role: str, wanted: Collection[str]) -> Given:
        """The own names of the tools a worker of `role` gets, with `wanted` to its name."""
        if self.roles is not None:
            return self.roles.get(role, self.roles.get("all", ()))
        if server in wanted:
            return "all"
        prefix = exposed(server, "")
        return tuple(name.removeprefix(prefix) for name in wanted if name.startswith(prefix))

    def redacted(self, text: str) -> str:
        """`text` without the secrets this server was given."""
        for secret in self.secrets:
            text = text.replace(secret.get_secret_value(), "[secret]")
        return text


def exposed(server: str, tool: str) -> str:
    """The name under which workers know a server's tool."""
    return f"{server}__{tool}"


class ToolsConfig(_Strict):
    """Everything a deployment allows its workers."""

    tools: ToolEntries = ToolEntries()
    servers: dict[str, ServerConfig] = Field(default_factory=dict)

    @field_validator("servers")
    @classmethod
    def _named(cls, servers: dict[str, ServerConfig]) -> dict[str, ServerConfig]:
        for name in servers:
            if not _SERVER_NAME.fullmatch(name) or len(name) > 40:
                raise ValueError(f"“{name[:40]}” is no name: letters, digits, single - and _")
            if name in ToolEntries.model_fields:
                raise ValueError(f"“{name}” is the name of another tool already")
        return servers

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str] | None = None) -> Self:
        """What the YAML file at `path` says; without one, the tools that come with the program.

        ${NAME} in a server's part stands for a variable of `environment`, else of the .env file
        and the process. Raises ConfigurationError with the file's name and what is wrong in it,
        and never a value.
        """
        if path is None:
            return cls()
        try:
            loaded = _parsed(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(
                f"The tools file {path} cannot be read: {error.strerror}."
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The tools file {path} is not YAML.") from error
        try:
            known = dotenv.environment() if environment is None else environment
            told = pasted.adopted({} if loaded is None else loaded)
            for note in told.notes:
                log.warning("tools_file_note", file=str(path), note=note)
            return cls.model_validate(_filled(told.loaded, known))
        except _Unset as error:
            raise ConfigurationError(
                f"The tools file {path} needs the variable {error}, which is not set."
            ) from error
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            message = first["msg"].removeprefix("Value error, ")
            # The error itself is not passed on: it has the values in it.
            raise ConfigurationError(
                f"The tools file {path} is wrong at {place}: {message}."
            ) from None


class _Unset(Exception):
    """A variable that is not there; the message is its name."""


def _parsed(text: str) -> Any:
    """Read YAML, or JSON as people have it: with comments, tabs and commas after the last."""
    without_comments = _COMMENT.sub("", text)
    try:
        return json.loads(without_comments)
    except ValueError:
        return yaml.safe_load(without_comments)


def _filled(loaded: Any, environment: Mapping[str, str]) -> Any:
    """`loaded` with the variables in its servers' parts, each of which keeps what it was given."""
    if not isinstance(loaded, dict) or not isinstance(loaded.get("servers"), dict):
        return loaded
    servers = {name: _server(part, environment) for name, part in loaded["servers"].items()}
    return {**loaded, "servers": servers}


def _server(part: Any, environment: Mapping[str, str]) -> Any:
    if not isinstance(part, dict):
        return part
    named = [found for text in _texts(part) for found in _VARIABLE.finditer(text)]
    values = {environment.get(found[1]) or found[2] or "" for found in named}
    # The longest first: one may be part of another.
    secrets = sorted((v for v in values if len(v) >= _SHORTEST_SECRET), key=len, reverse=True)
    return {**_substituted(part, environment), "secrets": secrets}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _substituted(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, environment) for item in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _value(found, environment), value)


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    """Return what stands for a variable; as in a shell `:-` is also for an empty one."""
    name, otherwise = found[1], found[2]
    if otherwise is not None:
        return environment.get(name) or otherwise
    if name not in environment:
        raise _Unset(name)
    return environment[name]
