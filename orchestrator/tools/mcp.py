"""MCP servers: started when first needed, shared by all runs, started again when they die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

import structlog
from mcp import Client, MCPError
from mcp.types import Tool

from orchestrator.errors import ToolUnavailable
from orchestrator.model.base import JsonObject
from orchestrator.tools.base import Offer, ToolContext, ToolResult, failed
from orchestrator.tools.configuration import ServerConfig
from orchestrator.tools.connect import Asked, Signs, asked, ending, explained, opened, words
from orchestrator.tools.translate import Listing, listing_of, result_of

# A program that is asked to end has this long; its client needs up to nine seconds to make it.
LEAVE_S = 12.0
LONGEST_DELAY_S = 60.0
# So many calls in a row without an answer, and others still waiting: the server hangs.
_SILENT_CALLS = 3
_MAX_PAGES = 20

log = structlog.get_logger()


def delay_s(failures: int, first_s: float = 1.0) -> float:
    """Seconds to wait before the next start, after so many failures in a row."""
    if failures == 0:
        return 0.0
    return float(min(first_s * 2 ** (min(failures, 30) - 1), LONGEST_DELAY_S))


class McpServer:
    """One server of the deployment, whichever process or connection stands for it just now.

    `first_delay_s` is the wait after a first start that failed; it doubles with each more.
    `limited` gives the limit of a call, in seconds.
    """

    def __init__(
        self,
        name: str,
        config: ServerConfig,
        *,
        first_delay_s: float = 1.0,
        limited: Callable[[float], asyncio.Timeout] = asyncio.timeout,
    ):
        self.name = name
        self.config = config
        self.first_delay_s = first_delay_s
        self.limited = limited
        self._life: _Life | None = None
        self._failures = 0
        self._trouble = ""
        self._not_before = 0.0
        self._closed = False

    async def listing(self) -> Listing:
        """What the server offers; it is started where it does not run. Raises ToolUnavailable."""
        return (await self._running()).listing

    @property
    def known(self) -> dict[str, Offer]:
        """The offers of a server that runs; none of one that does not."""
        return self._life.listing.offers if self._life is not None else {}

    async def call(self, name: str, arguments: JsonObject, _: ToolContext) -> ToolResult:
        """Call the tool of that own name, within the server's time; it never runs twice."""
        try:
            result = await self._called(name, arguments) or await self._called(name, arguments)
        except ToolUnavailable as error:
            return failed(str(error))
        return result or failed(f"The tool server {self.name} does not know us.")

    async def _called(self, name: str, arguments: JsonObject) -> ToolResult | None:
        life = await self._running()
        result = await life.call(name, arguments)
        if life.answered:
            self._failures = 0
        return result

    async def close(self) -> None:
        """End the server and what it started. Calls made afterwards fail."""
        self._closed = True
        if self._life is not None:
            await self._life.leave()

    async def _running(self) -> _Life:
        if self._life is not None and self._life.signs.ended.is_set():
            await self._life.over.wait()
        if self._life is None:
            self._life = self._started()
        life = self._life
        await life.settled.wait()
        if life.is_usable:
            return life
        await life.over.wait()
        raise ToolUnavailable(self._sentence())

    def _started(self) -> _Life:
        wait_s = self._not_before - asyncio.get_running_loop().time()
        if self._closed:
            raise ToolUnavailable(self._sentence())
        if wait_s > 0:
            raise ToolUnavailable(f"{self._sentence()} It is tried again in {wait_s:.0f} seconds.")
        return _Life(self)

    def _sentence(self) -> str:
        if self._closed:
            return f"The tool server {self.name} has been closed."
        return f"The tool server {self.name} cannot be used just now: {self._trouble}."

    def ended(self, life: _Life) -> None:
        """`life` is over: the next call starts another one, not too soon."""
        self._life = None
        if self._closed:
            return
        # What has worked may be started again at once, the first time.
        self._not_before = asyncio.get_running_loop().time() + delay_s(
            self._failures if life.was_up else self._failures + 1, self.first_delay_s
        )
        self._failures += 1
        self._trouble = life.trouble
        log.warning("tools.server_ended", server=self.name, was_up=life.was_up, why=life.trouble)


class _Life:
    """A server from one start to its end. One task enters its client and leaves it."""

    def __init__(self, server: McpServer):
        self.server = server
        self.config = server.config
        self.signs = Signs(server.config)
        self.listing = Listing()
        self.settled = asyncio.Event()
        self.over = asyncio.Event()
        self.was_up = False
        self.answered = 0
        self.trouble = ""
        self._client: Client | None = None
        self._waiting = 0
        self._silent = 0
        # It outlives the attempt it is started for, whose marks are not to be on its log lines.
        self._task = asyncio.create_task(self._live(), context=Context())

    @property
    def is_usable(self) -> bool:
        """Whether calls can be made: it has started and not ended."""
        return self.was_up and not self.signs.ended.is_set()

    async def call(self, name: str, arguments: JsonObject) -> ToolResult | None:
        """What the tool brings, or what went wrong.

        None where the server has forgotten us, which it says before it calls anything.
        """
        assert self._client is not None
        answered, time_s = self.answered, self.config.call_timeout_s
        this = Asked()
        asked.set(this)
        self._waiting += 1
        try:
            async with self.server.limited(time_s) as limit:
                result = await self._client.call_tool(name, arguments)
        except TimeoutError:
            if not limit.expired():
                raise
            self._missed(anything_else=self.answered > answered)
            return failed(f"{name} gave no answer within {time_s:g} seconds.")
        except MCPError as error:
            return None if this.is_unknown else self._refused(name, error)
        except Exception as error:  # noqa: BLE001 - whatever a server does is not our failure
            log.warning("tools.call_failed", server=self.server.name, error=type(error).__name__)
            return failed(f"{name} failed: its answer does not keep to the protocol.")
        finally:
            self._waiting -= 1
            if this.is_unknown:
                self._lost("it forgot the connection")
                self.signs.ended.set()
        self.answered += 1
        self._silent = 0
        return result_of(result, self.config, name)

    async def leave(self) -> None:
        """End it, and wait until it is over."""
        if self.was_up:
            self.signs.ended.set()
        else:
            self._task.cancel()
        _, late = await asyncio.wait({self._task}, timeout=2 * LEAVE_S)
        for task in late:
            task.cancel()
            log.error("tools.server_stays", server=self.server.name)

    async def _live(self) -> None:
        """Start, be there until the end, clean up."""
        try:
            async with (
                asyncio.timeout(self.config.start_timeout_s) as limit,
                opened(self.config, self.signs) as client,
            ):
                tools = await _listed(client)
                self.listing = listing_of(self.server.name, self.config, tools)
                self._client = client
                self.was_up = True
                self.settled.set()
                limit.reschedule(None)
                self._report()
                try:
                    await self.signs.ended.wait()
                finally:
                    self.signs.ended.set()
                    limit.reschedule(asyncio.get_running_loop().time() + LEAVE_S)
        except TimeoutError:
            if not self.was_up:
                self._lost(f"it was not ready within {self.config.start_timeout_s:g} seconds")
        except Exception as error:  # noqa: BLE001 - whatever a server does is not our failure
            self._lost(explained(error, self.config, self.signs))
        finally:
            self._lost(ending(self.signs))
            self.signs.ended.set()
            self.server.ended(self)
            self.settled.set()
            self.over.set()

    def _lost(self, trouble: str) -> None:
        """The first reason is the right one; others come of the cleaning up."""
        self.trouble = self.trouble or trouble

    def _report(self) -> None:
        log.info("tools.server_ready", server=self.server.name, tools=len(self.listing.offers))
        for note in self.listing.notes:
            log.warning("tools.server_note", server=self.server.name, note=note)

    def _missed(self, *, anything_else: bool) -> None:
        """A call had no answer. Where nothing else had one either, the server hangs."""
        if anything_else:
            return
        self._silent += 1
        alone = self._waiting == 1
        if alone or self._silent >= _SILENT_CALLS:
            self._lost("it stopped answering")
            self.signs.ended.set()

    def _refused(self, name: str, error: MCPError) -> ToolResult:
        if self.signs.ended.is_set():
            return failed(f"{name} broke off: the server ended in the middle of the call.")
        return failed(f"{name} failed: {words(str(error), self.config)}.")


async def _listed(client: Client) -> list[Tool]:
    """All tools of a server, page by page."""
    page = await client.list_tools()
    tools = list(page.tools)
    for _ in range(_MAX_PAGES):
        if page.next_cursor is None:
            break
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tools
