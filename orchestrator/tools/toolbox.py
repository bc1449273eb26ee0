"""The toolbox: every tool a deployment allows, and the kit of them that a worker gets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator import schemas, text
from orchestrator.errors import ToolUnavailable
from orchestrator.model.base import JsonObject, ServerTool, Tool
from orchestrator.tools.base import Offer, Source, ToolContext, ToolResult, failed
from orchestrator.tools.configuration import ForEveryone, Given, ToolsConfig, exposed
from orchestrator.tools.local import OFFERS, LocalTools

if TYPE_CHECKING:
    from orchestrator.tools.mcp import McpServer


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools one worker may use; whatever else it asks for is refused.

    `tools` and `server_tools` go into the call to the model, always in the same order. `missing`
    has a sentence for each server that cannot be used just now.
    """

    server_tools: tuple[ServerTool, ...] = ()
    missing: tuple[str, ...] = ()
    _held: Mapping[str, tuple[Offer, Source]] = field(default_factory=dict)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the model is told of the tools that run here."""
        return tuple(offer.tool for offer, _ in self._held.values())

    def reading(self, without: Collection[str] = ()) -> Kit:
        """What of it changes nothing, and is not among `without`."""
        held = {
            name: (offer, source)
            for name, (offer, source) in self._held.items()
            if not offer.changes and name not in without
        }
        return replace(self, _held=held)

    def offer(self, name: str) -> Offer | None:
        """The tool of that name, None where the worker has none."""
        held = self._held.get(name)
        return held[0] if held else None

    def refusal(self, name: str, arguments: JsonObject) -> ToolResult | None:
        """Why such a call cannot be made at all; None where it can. Nobody is asked to approve
        a call before this is known."""
        offer = self.offer(name)
        if offer is None:
            known = text.listing(list(self._held)) or "none"
            return failed(f"You have no tool named {text.shorten(name, 130)}. You have: {known}.")
        problems = schemas.misfits(offer.tool.input_schema, arguments)
        return failed("The arguments do not fit. " + " ".join(problems)) if problems else None

    async def call(
        self,
        name: str,
        arguments: JsonObject,
        context: ToolContext,
        *,
        is_approved: bool = False,
    ) -> ToolResult:
        """Call a tool, which is done once: what goes wrong is a result with `is_error`.

        One that `changes` something is called only with a person's approval of the arguments.
        """
        refused = self.refusal(name, arguments)
        if refused is not None:
            return refused
        offer, source = self._held[name]
        if offer.changes and not is_approved:
            return failed(f"{name} changes something, and nobody has approved this call.")
        return (await source.call(offer.own_name, arguments, context)).scrubbed()


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with a tool or a server, in a sentence."""

    name: str
    is_fine: bool
    sentence: str


class Toolbox:
    """The tools of a deployment. It is shared by all runs; `close` ends what it has started."""

    def __init__(self, config: ToolsConfig):
        self._built_in = config.tools.built_in()
        self._services = config.tools.services()
        self._entries = self._built_in | {n: entry for n, (entry, _) in self._services.items()}
        self._local = LocalTools()
        self._servers = _servers(config)

    @property
    def names(self) -> frozenset[str]:
        """What roles and plans may name: tools, servers, and tools of servers as far as known."""
        listed = (
            exposed(name, tool)
            for name, server in self._servers.items()
            for tool in server.config.tools or ()
        )
        known = (offer for server in self._servers.values() for offer in server.known)
        return frozenset((*self._built_in, *self._services, *self._servers, *listed, *known))

    def named(self, role: str, wanted: Collection[str] = ()) -> tuple[str, ...]:
        """Return what a worker of `role` has beside what everybody has; no server is started."""
        names = [
            name
            for name, entry in self._entries.items()
            if entry.is_for(role, wanted, name) and not isinstance(entry, ForEveryone)
        ]
        for name, server in self._servers.items():
            given = server.config.given(name, role, wanted)
            names += [name] if given == "all" else [exposed(name, tool) for tool in given]
        return tuple(names)

    @property
    def grantable(self) -> tuple[str, ...]:
        """Return what a subtask is given for naming it, whatever its role."""
        servers = (name for name, server in self._servers.items() if server.config.roles is None)
        own = (name for name, entry in self._entries.items() if entry.roles is None)
        return (*own, *servers)

    async def kit(self, role: str, wanted: Collection[str] = ()) -> Kit:
        """The tools of a worker of `role`, which has `wanted` to its name; never more than the
        deployment allows. Servers that are needed are started."""
        held: dict[str, tuple[Offer, Source]] = {
            name: (OFFERS[name], self._local)
            for name, entry in self._built_in.items()
            if entry.is_for(role, wanted, name)
        }
        given = {
            server: server.config.given(name, role, wanted)
            for name, server in self._servers.items()
        }
        needed = {server: tools for server, tools in given.items() if tools}
        found = await asyncio.gather(*(_offers(*need) for need in needed.items()))
        missing: list[str] = []
        for (server, tools), offers in zip(needed.items(), found, strict=True):
            if isinstance(offers, str):
                missing.append(offers)
                continue
            missing += _absent(server, tools, offers)
            held |= {offer.tool.name: (offer, server) for offer in offers}
        return Kit(self._service_tools(role, wanted), tuple(missing), held)

    async def states(self) -> list[State]:
        """How it stands with everything; servers are started to see."""
        return [
            *_states_of_own(list(self._built_in), list(self._services)),
            *await asyncio.gather(*(_state(server) for server in self._servers.values())),
        ]

    async def close(self) -> None:
        """End the servers, all at the same time."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _service_tools(self, role: str, wanted: Collection[str]) -> tuple[ServerTool, ...]:
        return tuple(
            tool
            for name, (entry, tool) in self._services.items()
            if entry.is_for(role, wanted, name)
        )


def _servers(config: ToolsConfig) -> dict[str, McpServer]:
    if not config.servers:
        return {}
    # Who has no servers does not pay for loading what talks to them.
    from orchestrator.tools.mcp import McpServer

    return {name: McpServer(name, server) for name, server in config.servers.items()}


async def _offers(server: McpServer, tools: Given) -> list[Offer] | str:
    """Those of the server's tools, or the sentence that says why there are none."""
    try:
        listing = await server.listing()
    except ToolUnavailable as error:
        return str(error)
    offers = listing.offers.values()
    if tools == "all":
        return list(offers)
    return [o for o in offers if o.own_name in tools or o.tool.name in _exposed(server, tools)]


def _absent(server: McpServer, tools: Given, offers: Collection[Offer]) -> list[str]:
    """Return a sentence where tools are named that the server does not have."""
    if tools == "all":
        return []
    known = {offer.own_name for offer in offers} | {offer.tool.name for offer in offers}
    absent = [tool for tool in tools if not {tool, exposed(server.name, tool)} & known]
    if not absent:
        return []
    return [f"The tool server {server.name} has no tool named {text.listing(absent)}."]


def _exposed(server: McpServer, tools: Collection[str]) -> set[str]:
    return {exposed(server.name, tool) for tool in tools}


def _states_of_own(built_in: list[str], services: list[str]) -> list[State]:
    states = []
    if built_in:
        sentence = f"Workers can use {text.listing(built_in)}."
        states.append(State("built in", is_fine=True, sentence=sentence))
    if services:
        sentence = f"At the model's service they can use {text.listing(services)}."
        states.append(State("service", is_fine=True, sentence=sentence))
    return states


async def _state(server: McpServer) -> State:
    try:
        listing = await server.listing()
    except ToolUnavailable as error:
        return State(server.name, is_fine=False, sentence=str(error))
    offers = listing.offers.values()
    asking = [text.one_line(offer.own_name) for offer in offers if offer.changes]
    sentences = [
        f"The tool server {server.name} is ready with {text.plural(len(offers), 'tool')}.",
        f"These need approval: {text.shorten(text.listing(asking), 300)}." if asking else "",
        *listing.notes,
    ]
    said = " ".join(sentence for sentence in sentences if sentence)
    return State(server.name, is_fine=not listing.notes, sentence=said)
