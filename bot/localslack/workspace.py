"""All parts of one local workspace, put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bot.localslack import seed
from bot.localslack.administration import Administration
from bot.localslack.assistant import Assistant
from bot.localslack.companies import Companies
from bot.localslack.delivery import Delivery
from bot.localslack.directory import Directory
from bot.localslack.events import Events
from bot.localslack.faults import Faults
from bot.localslack.feed import Feed
from bot.localslack.files import Files
from bot.localslack.ids import Clock, Timestamps
from bot.localslack.interactivity import Interactivity
from bot.localslack.manifest import Manifest
from bot.localslack.messages import Messages
from bot.localslack.oauth import OAuth
from bot.localslack.other_apps import OtherApps
from bot.localslack.perspective import Perspective
from bot.localslack.rates import Rates
from bot.localslack.recorder import Recorder
from bot.localslack.request_url import RequestUrl
from bot.localslack.response_urls import ResponseUrls
from bot.localslack.sessions import Sessions
from bot.localslack.sockets import Sockets
from bot.localslack.storage import Storage
from bot.localslack.tenants import Tenants
from bot.localslack.triggers import Triggers
from bot.localslack.views import Views
from bot.localslack.welcome import NO_WELCOME, Welcome


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the Web API and the person API work on."""

    base_url: str
    clock: Clock
    storage: Storage
    manifest: Manifest
    recorder: Recorder
    faults: Faults
    rates: Rates
    feed: Feed
    sockets: Sockets
    delivery: Delivery
    tenants: Tenants
    perspective: Perspective
    directory: Directory
    events: Events
    files: Files
    messages: Messages
    views: Views
    triggers: Triggers
    response_urls: ResponseUrls
    interactivity: Interactivity
    administration: Administration
    companies: Companies
    oauth: OAuth
    sessions: Sessions
    assistant: Assistant
    other_apps: OtherApps
    inspector: Feed
    welcome: Welcome

    async def close(self) -> None:
        """Let everyone go; what is stored stays."""
        self.feed.close()
        self.inspector.close()
        await self.delivery.close()


def build_workspace(
    storage: Storage,
    base_url: str,
    manifest: Manifest,
    *,
    clock: Clock = time.time,
    ack_timeout_s: float = 3.0,
    welcome: Welcome = NO_WELCOME,
) -> Workspace:
    """The workspace in `storage`, filled with people and channels if it is new."""
    seed.seed(storage, manifest.app_name, manifest.handle)
    feed, inspector = Feed(), Feed()
    recorder, faults = Recorder(inspector), Faults()
    timestamps = Timestamps(clock, storage.latest_ts())
    sockets = Sockets(storage, clock, recorder, faults, feed, ack_timeout_s=ack_timeout_s)
    request_url = RequestUrl(storage, clock, recorder, faults, ack_timeout_s=ack_timeout_s)
    delivery = Delivery(sockets, request_url)
    tenants = Tenants(storage)
    perspective = Perspective(storage, tenants)
    directory = Directory(storage, tenants)
    events = Events(delivery, tenants, perspective, directory, manifest, clock, timestamps, faults)
    files = Files(storage, clock, base_url)
    messages = Messages(storage, files, timestamps, feed, events, perspective)
    views = Views(storage, tenants, clock, feed)
    triggers = Triggers(clock)
    response_urls = ResponseUrls(directory, messages, clock, base_url)
    companies = Companies(tenants, directory, manifest)
    interactivity = Interactivity(
        tenants,
        directory,
        messages,
        views,
        triggers,
        response_urls,
        delivery,
        manifest,
        timestamps,
        recorder,
    )
    return Workspace(
        base_url=base_url,
        clock=clock,
        storage=storage,
        manifest=manifest,
        recorder=recorder,
        faults=faults,
        rates=Rates(clock),
        feed=feed,
        sockets=sockets,
        delivery=delivery,
        tenants=tenants,
        perspective=perspective,
        directory=directory,
        events=events,
        files=files,
        messages=messages,
        views=views,
        triggers=triggers,
        response_urls=response_urls,
        interactivity=interactivity,
        administration=Administration(tenants, directory, events, feed),
        companies=companies,
        oauth=OAuth(tenants, directory, companies, manifest, clock),
        sessions=Sessions(storage, feed, events, messages),
        assistant=Assistant(directory, messages, events, manifest),
        other_apps=OtherApps(storage, messages),
        inspector=inspector,
        welcome=welcome,
    )


WEB = Path(__file__).parent / "web"
"""The page people open in their browser."""
