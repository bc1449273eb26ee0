"""The clock: what is due without anybody doing anything.

Jobs only write rows, guarded by what they find, so that nothing happens twice however many
processes have a clock; what is to be seen of it is the publisher's affair. Only what belongs to no
thread is said from here: to the maker of a schedule that cannot go on, and to people with dead
letters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot import digest, schedules
from bot.access import Access
from bot.blocks import schedules as blocks
from bot.blocks.payload import Payload
from bot.installations import Installations
from bot.people import People
from bot.refusals import Kind, code_of, kind_of
from bot.settings import BotSettings
from orchestrator import deadlines
from orchestrator.commands import Actor, FireSchedule, PauseSchedule
from orchestrator.errors import NotAllowed, NotInstalled, Outdated, Refused
from orchestrator.orchestrator import Orchestrator, defaults_of
from orchestrator.store.clock import CLOCK, now, set_clock
from orchestrator.store.tables import Schedule

log = structlog.get_logger(__name__)

_EVENTS_KEPT = timedelta(days=7)
_DUE_EVERY_S = 5
# What may be better the next time.
_AWAY = (SlackClientError, NotInstalled, OSError, TimeoutError)

Job = Callable[[], Awaitable[None]]


class Clock:
    """Looks what is due. `start` it once in a process; each job can be done at any time, too."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        installations: Installations,
        people: People,
        access: Access,
        settings: BotSettings,
        wake: Callable[[], None],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._orchestrator = orchestrator
        self._database = orchestrator.database
        self._installations = installations
        self._people = people
        self._access = access
        self._settings = settings
        self._wake = wake
        self._now = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True})

    def start(self) -> None:
        """Do every job now, and then again and again."""
        for job, every in (
            (self.fire, timedelta(seconds=_DUE_EVERY_S)),
            (self.remind, timedelta(minutes=5)),
            (self.expire, timedelta(minutes=10)),
            (self.tell, timedelta(minutes=10)),
            (self.clear, timedelta(hours=1)),
            (self.forget, timedelta(hours=6)),
        ):
            self._add(job, every)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no job any more."""
        self._scheduler.shutdown(wait=False)

    def _add(self, job: Job, every: timedelta) -> None:
        self._scheduler.add_job(
            job,
            "interval",
            seconds=every.total_seconds(),
            id=job.__name__,
            next_run_time=CLOCK.host(),
        )

    # --- what time does to runs -------------------------------------------------------------

    async def expire(self) -> None:
        """End the runs whose plan nobody approved in time."""
        before = self._now() - timedelta(days=self._settings.approval_days)
        if await self._orchestrator.expire(before):
            self._wake()

    async def remind(self) -> None:
        """Remind people in the thread, once, of what was asked of them."""
        if (hours := self._settings.remind_hours) is None:
            return
        moment = self._now()
        before = moment - timedelta(hours=hours)
        work = partial(deadlines.remind, asked_before=before, at=moment)
        if await self._database.write(work):
            self._wake()

    async def clear(self) -> None:
        """Delete prompts and results that are older than they may get."""
        if (days := self._settings.retention_days) is None:
            return
        moment = self._now()
        work = partial(deadlines.clear, finished_before=moment - timedelta(days=days), at=moment)
        while await self._database.write(work):
            pass

    async def forget(self) -> None:
        """Drop the keys of events that Slack no longer tells of."""
        before = self._now() - _EVENTS_KEPT
        await self._database.write(partial(deadlines.forget_events, taken_before=before))

    # --- schedules --------------------------------------------------------------------------

    async def fire(self) -> None:
        """Begin the runs that are due; what was missed while nobody looked, once."""
        await set_clock(self._database)
        async with self._database.read() as session:
            query = select(Schedule).where(col(Schedule.next_at) <= self._now())
            due = (await session.exec(query.order_by(col(Schedule.next_at)))).all()
        for schedule in due:
            try:
                await self._fire(schedule)
            except Refused:
                # Somebody else was faster, or it was paused or removed at this moment.
                continue
            except _AWAY as error:
                log.warning("schedule_waits", schedule=schedule.name, error=str(error))
            except Exception:
                log.exception("schedule_broke", schedule=schedule.name)

    async def _fire(self, schedule: Schedule) -> None:
        assert schedule.next_at is not None
        client = await self._installations.client(schedule.team_id)
        if trouble := await self._trouble(client, schedule):
            await self._give_up(client, schedule, trouble)
            return
        fire = FireSchedule(
            schedule.id, schedule.next_at, self._now(), defaults_of(self._orchestrator.settings)
        )
        try:
            await self._orchestrator.do(fire, Actor(schedule.team_id, schedule.user_id))
        except Outdated:
            raise
        except Refused as refused:
            await self._give_up(client, schedule, str(refused))
        self._wake()

    async def _give_up(self, client: AsyncWebClient, schedule: Schedule, trouble: str) -> None:
        """Pause a schedule that cannot go on, and tell whoever made it."""
        actor = Actor(schedule.team_id, schedule.user_id)
        await self._orchestrator.do(PauseSchedule(schedule.name, trouble), actor)
        async with self._database.read() as session:
            views = await schedules.of_person(session, actor, self._now())
        for view in views:
            if view.id == schedule.id:
                await _say(client, schedule.user_id, blocks.stopped(view))

    async def _trouble(self, client: AsyncWebClient, schedule: Schedule) -> str:
        """Return why the schedule cannot go on; empty where it can."""
        person = await self._people.find(schedule.team_id, schedule.user_id)
        if person is None or person.is_gone:
            return "The account of whoever made it was deactivated."
        try:
            actor = Actor(schedule.team_id, schedule.user_id)
            await self._access.admission.check(actor, schedule.channel)
        except NotAllowed as refusal:
            return str(refusal)
        try:
            channel = (await client.conversations_info(channel=schedule.channel))["channel"]
        except SlackApiError as error:
            if kind_of(error) is Kind.PLACE:
                return "Its channel is gone, or I am not in it any more."
            raise
        if channel.get("is_archived"):
            return "Its channel is archived."
        is_direct = channel.get("is_im") or channel.get("is_mpim")
        return "" if is_direct or channel.get("is_member") else "I am not in its channel any more."

    # --- dead letters -----------------------------------------------------------------------

    async def tell(self) -> None:
        """Once a day tell people of the dead letters that wait for them since another day."""
        if (hour := self._settings.digest_hour) is None:
            return
        moment = self._now()
        for actor, runs in (await digest.waiting(self._database)).items():
            try:
                client = await self._installations.client(actor.team_id)
                zone = await self._people.timezone(actor.team_id, actor.user_id)
                payload = await digest.due(
                    self._database, self._installations, actor, runs, moment, hour, zone
                )
                if payload is not None:
                    await _say(client, actor.user_id, payload)
            except _AWAY as error:
                log.warning("digest_waits", user=actor.user_id, error=str(error))
            except Exception:
                log.exception("digest_broke", user=actor.user_id)


async def _say(client: AsyncWebClient, user_id: str, payload: Payload) -> None:
    """Say something to a person, who need not be there any more."""
    try:
        await client.chat_postMessage(
            channel=user_id,
            text=payload.text,
            blocks=payload.blocks,
            unfurl_links=False,
            unfurl_media=False,
        )
    except SlackApiError as error:
        log.warning("person_not_told", user=user_id, error=code_of(error))
