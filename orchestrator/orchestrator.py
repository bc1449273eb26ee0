"""The orchestrator as other programs use it: open, create runs, give commands, listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Self

from sqlalchemy.exc import DBAPIError

from orchestrator import control, deadlines, playbooks, teams
from orchestrator.attachments import Attachments
from orchestrator.budget import Price, free
from orchestrator.commands import Actor, Command, Create, Defaults, Done
from orchestrator.engine import Engine
from orchestrator.errors import ConfigurationError, NotFound
from orchestrator.events import Bus, Event, Listener, TextListener
from orchestrator.files.extractor import Extractor
from orchestrator.gate import Gatekeeping
from orchestrator.metrics import Metrics
from orchestrator.model.base import Model
from orchestrator.model.deferred import Deferred
from orchestrator.model.prices import PriceList
from orchestrator.model.rates import Ledger
from orchestrator.queue import waker_of
from orchestrator.queue.base import Waker
from orchestrator.roles import Roles
from orchestrator.settings import Settings
from orchestrator.store.clock import set_clock
from orchestrator.store.database import Database
from orchestrator.store.load import Deployment, Estimate, expected_usd
from orchestrator.store.lock import lock
from orchestrator.store.migrate import migrate, reason_of
from orchestrator.store.move import refuse_half_moved
from orchestrator.store.rates import SharedLedger
from orchestrator.store.tables import Attempt, Request, Run, RunStatus
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.toolbox import Toolbox
from orchestrator.tracing.base import Tracing, of_environment

if TYPE_CHECKING:
    from orchestrator.drafts import Drafts

# How soon the end of a run is seen that another process brought about.
_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: how, and its answer in Markdown, which is empty where there is none.

    `gaps` counts the subtasks the answer has to do without; `cost_usd` is None where the price of
    a model is unknown.
    """

    name: str
    status: RunStatus
    answer: str
    gaps: int
    tokens: int
    cost_usd: Decimal | None


class Orchestrator:
    """An open orchestrator. Get one from `Orchestrator.open`."""

    def __init__(
        self,
        database: Database,
        roles: Roles,
        settings: Settings,
        engine: Engine | None,
        waker: Waker | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.database = database
        self.roles = roles
        self.settings = settings
        self.engine = engine
        self._waker = waker
        self._bus = engine.bus if engine else Bus()
        self._drafts = _drafts(database, self._bus)
        if engine and self._drafts:
            self._bus.subscribe_text(self._drafts.tell)
        (tracing or Tracing()).follow(self._bus, database)
        self.metrics = engine.metrics if engine else Metrics(roles)
        self.attachments = Attachments(database, Extractor.of(settings), self.wake)
        deployment = (
            engine.deployment if engine else Deployment.of(roles, settings, price_of(settings))
        )
        self._gatekeeping = Gatekeeping(
            tuple(roles),
            tuple(roles.tools),
            settings.max_subtasks,
            partial(expected_usd, deployment),
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        model: Model | None = None,
        *,
        works: bool = True,
        estimate: Estimate | None = None,
        price: Price | None = None,
        toolbox: Toolbox | None = None,
        tracing: Tracing | None = None,
    ) -> AsyncIterator[Orchestrator]:
        """Open the database, migrating it first, and with `works` make its runs go on.

        Without `model` the settings choose one; a given one costs nothing unless `price` says
        what. Without `toolbox` workers have the tools of the settings. Runs are traced as the
        environment asks for it, unless `tracing` says how. Raises ConfigurationError, and
        AlreadyRunning when another process works on the same SQLite file.
        """
        playbooks.load(settings.playbooks)
        await asyncio.to_thread(migrate, settings.database_url)
        toolbox = toolbox or Toolbox(ToolsConfig.load(settings.tools_file))
        roles = Roles.load(settings.roles_file, settings.ladder_file).with_tools(toolbox.names)
        tracing = tracing or of_environment(settings.model, roles)
        taken = lock(settings.database_url) if works else None
        database = Database(settings.database_url)
        try:
            with _still_there():
                await refuse_half_moved(database)
            if not works:
                waker = waker_of(database)
                with _still_there():
                    await set_clock(database)
                async with cls(database, roles, settings, None, waker, tracing)._told() as opened:
                    yield opened
                return
            chosen = model or model_of(settings, _ledger(database))
            price = price or (free if model else price_of(settings))
            engine = Engine(database, chosen, roles, settings, toolbox, estimate, price, tracing)
            with _still_there():
                await engine.start()
            async with cls(database, roles, settings, engine, None, tracing)._told() as opened:
                try:
                    yield opened
                finally:
                    await engine.stop()
                    await toolbox.close()
                    await chosen.close()
        finally:
            await tracing.close()
            await database.close()
            if taken is not None:
                taken.release()

    async def do(
        self, command: Command, actor: Actor, *, claim: str | None = None, wakes: bool = True
    ) -> Done:
        """Carry out a command. Raises Refused with the sentence that says why it has no effect.

        `claim` is the key of the event it comes from: the same key has one effect. Without
        `wakes` the run goes on when `wake` is called, or a second later.
        """
        if isinstance(command, Create) and command.defaults is None:
            command = replace(command, defaults=defaults_of(self.settings))
        work = partial(
            control.perform,
            command=command,
            actor=actor,
            gatekeeping=self._gatekeeping,
            key=claim,
        )
        done = await self.database.write(work)
        self._follow(done)
        if wakes and done.run_id:
            self.wake(done.run_id)
        return done

    async def leave(self, team_id: str) -> None:
        """End what a team has under way and its schedules: the app was removed from there."""
        for done in await self.database.write(partial(teams.leave, team_id=team_id)):
            self._follow(done)
            self.wake(done.run_id)

    async def expire(self, asked_before: datetime) -> int:
        """End the runs whose plan nobody approved or wrote since then; how many."""
        work = partial(deadlines.expire, asked_before=asked_before)
        events = await self.database.write(work)
        self._bus.publish(events)
        return len(events)

    def _follow(self, done: Done) -> None:
        """Make happen in this process what was committed."""
        if self.engine is not None and done.stops:
            self.engine.cancel(done.run_id)
        self._bus.publish(done.events)

    def wake(self, run_id: str) -> None:
        """Let a run go on of which something was committed."""
        if self.engine is not None:
            self.engine.wake(run_id)
        elif self._waker is not None:
            self._waker.advance(run_id)

    async def run_of_request(self, request_id: str) -> str:
        """The id of the run that asks this. Raises NotFound."""
        async with self.database.read() as session:
            request = await session.get(Request, request_id)
        if request is None:
            raise NotFound("That question no longer exists.")
        return request.run_id

    async def finished(self, run_id: str, within_s: float = 3600) -> Ended:
        """Wait until the run is over. Raises NotFound, and TimeoutError after `within_s` seconds.

        A run that needs something from a person is not over: answer its requests meanwhile.
        """
        happened = asyncio.Event()

        def note(event: Event) -> None:
            if event.run_id == run_id:
                happened.set()

        unsubscribe = self.subscribe(note)
        try:
            async with asyncio.timeout(within_s):
                while (ended := await self._ended(run_id)) is None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN_S):
                            await happened.wait()
                    happened.clear()
        finally:
            unsubscribe()
        return ended

    async def _ended(self, run_id: str) -> Ended | None:
        async with self.database.read() as session:
            run = await session.get(Run, run_id)
            if run is None:
                raise NotFound("That run no longer exists.")
            if run.status.is_live:
                return None
            answer = await session.get(Attempt, run.answer_attempt_id or "")
        said = answer.output or "" if answer else ""
        cost = run.cost_usd if run.cost_known else None
        return Ended(run.name, run.status, said, run.gaps, run.tokens, cost)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event that this process brings about; call the result to
        end that."""
        return self._bus.subscribe(listener)

    def subscribe_text(self, listener: TextListener) -> Callable[[], None]:
        """Call `listener` with answers while they are written, in whichever process that is on
        PostgreSQL; call the result to end that."""
        if self._drafts is not None:
            self._drafts.listen()
        return self._bus.subscribe_text(listener)

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[Self]:
        """Let go, at the end, of what tells other processes and hears from them."""
        try:
            yield self
        finally:
            for told in (self._drafts, self._waker):
                if told is not None:
                    await told.close()


def _drafts(database: Database, bus: Bus) -> Drafts | None:
    """How answers that are written are read along elsewhere; on SQLite there is no elsewhere."""
    if database.is_sqlite:
        return None
    from orchestrator.drafts import Drafts

    return Drafts(database, bus)


def defaults_of(settings: Settings) -> Defaults:
    """What the settings give every run."""
    return Defaults(
        concurrency=settings.run_concurrency,
        asks_changes=settings.review_policy == "ask",
        limit_tokens=settings.run_tokens,
        limit_usd=settings.run_usd,
        limit_s=settings.run_minutes * 60 if settings.run_minutes else None,
    )


def price_of(settings: Settings) -> Price:
    """What calls cost with the model that the settings name."""
    if settings.model == "offline":
        return free
    return PriceList.load(settings.prices_file).worst_case


@contextmanager
def _still_there() -> Iterator[None]:
    """Say so where the database goes away while we start."""
    try:
        yield
    except DBAPIError as error:
        raise ConfigurationError(
            f"The database went away ({reason_of(error)}). Start again when it is back."
        ) from error


def _ledger(database: Database) -> Ledger | None:
    """Where the processes at work count together what they ask the model; None for one alone."""
    return None if database.is_sqlite else SharedLedger(database)


def model_of(settings: Settings, ledger: Ledger | None = None) -> Model:
    """The model that the settings name. Raises ConfigurationError where its key is missing."""
    if settings.model == "offline":
        from orchestrator.model.offline import OfflineModel

        return OfflineModel()
    if settings.anthropic_api_key is None and settings.anthropic_base_url is None:
        raise ConfigurationError(
            "ANTHROPIC_API_KEY is not set. Get a key in the Claude Console under API keys and "
            "put it into the environment or the .env file, or set ORCHESTRATOR_MODEL=offline "
            "to try everything without one."
        )
    prices = PriceList.load(settings.prices_file)
    return Deferred(partial(_anthropic, settings, prices, ledger))


def _anthropic(settings: Settings, prices: PriceList, ledger: Ledger | None) -> Model:
    # Its library takes seconds to load and a third of the memory of a process that waits.
    from orchestrator.model.anthropic import AnthropicModel

    key = settings.anthropic_api_key
    return AnthropicModel(
        api_key=key.get_secret_value() if key else "none",
        base_url=settings.anthropic_base_url,
        prices=prices,
        ledger=ledger,
    )
