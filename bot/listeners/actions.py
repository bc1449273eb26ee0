"""Buttons: each carries ids only; what it means is looked up and checked when it is clicked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot import links, timeline
from bot.access import at_home
from bot.blocks import details, edit_form, ids, modals
from bot.bot import Bot, Place, answering, fill, tell, tell_directly
from bot.incoming import actor_of
from bot.soon import soon
from bot.view import RunView, SubtaskView, attempt_views, subtask_history
from orchestrator.commands import (
    Actor,
    Answer,
    Approve,
    Choose,
    Command,
    Create,
    Rate,
    Reject,
    Retry,
    Skip,
    Stop,
)
from orchestrator.errors import NotFound, Outdated
from orchestrator.plan import Plan, from_text
from orchestrator.store.clock import now
from orchestrator.store.load import plan_of
from orchestrator.store.tables import RequestKind, RequestStatus, RunStatus

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button: whose, where, on what."""

    actor: Actor
    place: Place | None
    value: str
    trigger_id: str
    client: AsyncWebClient
    view: View | None = None

    @classmethod
    def of(cls, body: dict[str, Any], context: AsyncBoltContext) -> Click:
        """The click in an interactive payload."""
        message, channel = body.get("message") or {}, body.get("channel")
        thread = message.get("thread_ts") or message.get("ts")
        return cls(
            actor=actor_of(context),
            place=Place(channel["id"], thread, body.get("response_url")) if channel else None,
            value=body["actions"][0].get("value") or "",
            trigger_id=body["trigger_id"],
            client=context.client,
            view=body.get("view"),
        )

    async def say(self, sentence: str, link: str | None = None) -> None:
        """Say something to who clicked: in the thread, where `link` may lead to another, or over
        the view in which they did."""
        if self.place is not None:
            await tell(self.client, self.actor.user_id, self.place, sentence, link)
            return
        notice = modals.notice("Orchestrator", sentence)
        if self.view is not None and self.view["type"] == "modal":
            await self.client.views_push(trigger_id=self.trigger_id, view=notice)
        else:
            await self.client.views_open(trigger_id=self.trigger_id, view=notice)

    async def say_directly(self, sentence: str) -> None:
        """Say something to who clicked in a direct message, where they need not be looking."""
        await tell_directly(self.client, self.actor.user_id, sentence)


Handler = Callable[[Bot, Click], Awaitable[None]]


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for buttons."""
    for action_id, handler in _HANDLERS.items():
        app.action(action_id)(_listener(bot, handler))
    options = re.compile(f"^{ids.ANSWER_OPTION}")
    app.action(options)(_listener(bot, _answer_option))


def _listener(bot: Bot, handler: Handler) -> Callable[..., Awaitable[None]]:
    async def clicked(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        click = Click.of(body, context)
        await answering(partial(handler, bot, click), click.say, click.say_directly)

    return clicked


async def _do(bot: Bot, click: Click, command: Command) -> None:
    await bot.act(command, click.actor)
    bot.publisher.wake()


async def _approve(bot: Bot, click: Click) -> None:
    run_id, revision = ids.read_revision(click.value)
    await _do(bot, click, Approve(run_id, revision))


async def _reject(bot: Bot, click: Click) -> None:
    run_id, revision = ids.read_revision(click.value)
    await _do(bot, click, Reject(run_id, revision))


async def _stop(bot: Bot, click: Click) -> None:
    await _do(bot, click, Stop(click.value))


async def _retry(bot: Bot, click: Click) -> None:
    run_id, subtask = ids.read_subtask(click.value)
    await _do(bot, click, Retry(run_id, subtask))


async def _retry_all(bot: Bot, click: Click) -> None:
    await _do(bot, click, Retry(click.value, all=True))


async def _skip(bot: Bot, click: Click) -> None:
    run_id, subtask = ids.read_subtask(click.value)
    await _do(bot, click, Skip(run_id, subtask))


async def _answer_with_rest(bot: Bot, click: Click) -> None:
    await _do(bot, click, Skip(click.value, all=True))


async def _answer_option(bot: Bot, click: Click) -> None:
    request_id, index = ids.read_option(click.value)
    view = await _view_of_request(bot, click, request_id)
    request = next(r for r in view.requests if r.id == request_id)
    if request.kind is RequestKind.QUESTION:
        await _do(bot, click, Answer(request_id, request.options[index]))
    else:
        await _do(bot, click, Choose(request_id, index))


# --- buttons that open a modal --------------------------------------------------------------


async def _modal(click: Click, title: str, build: Callable[[], Awaitable[View]]) -> None:
    """Open a modal at once, for the click is only good for three seconds, then fill it."""
    is_in_modal = click.view is not None and click.view["type"] == "modal"
    begin = click.client.views_push if is_in_modal else click.client.views_open
    opened = await begin(trigger_id=click.trigger_id, view=modals.loading(title))

    async def show(view: View) -> None:
        await fill(click.client, opened["view"]["id"], view)

    async def show_built() -> None:
        await show(await build())

    async def say(sentence: str) -> None:
        await show(modals.notice(title, sentence))

    await answering(show_built, say, click.say_directly)


async def _edit(bot: Bot, click: Click) -> None:
    run_id, revision = ids.read_revision(click.value)

    async def build() -> View:
        view, plan = await _proposed(bot, click, run_id, revision)
        return modals.edit(view, plan, _roles(bot, plan))

    await _modal(click, "Edit the plan", build)


async def _edit_page(bot: Bot, click: Click) -> None:
    """Another page of the form, with all that was typed."""
    run_id, revision, at = ids.read_page(click.value)
    view, plan = await _proposed(bot, click, run_id, revision)
    draft = modals.draft_of(plan, _form(click))
    await _swap(click, modals.edit(view, plan, _roles(bot, plan), at, draft))


async def _edit_form(bot: Bot, click: Click) -> None:
    """The form, with what was typed as text."""
    run_id, revision, _ = ids.read_page(click.value)
    view, plan = await _proposed(bot, click, run_id, revision)
    typed = modals.typed(_form(click)["state"]["values"])
    draft = edit_form.difference(plan, from_text(typed, plan)) if typed else {}
    await _swap(click, modals.edit(view, plan, _roles(bot, plan), draft=draft))


async def _edit_text(bot: Bot, click: Click) -> None:
    """The plan as text, with what was typed into the form."""
    run_id, revision, _ = ids.read_page(click.value)
    view, plan = await _proposed(bot, click, run_id, revision)
    draft = modals.draft_of(plan, _form(click))
    await _swap(click, modals.edit_as_text(view, edit_form.edited(plan, draft)))


def _form(click: Click) -> View:
    assert click.view is not None
    return click.view


async def _swap(click: Click, view: View) -> None:
    assert click.view is not None
    await fill(click.client, click.view["id"], view)


async def _replan(bot: Bot, click: Click) -> None:
    run_id, revision = ids.read_revision(click.value)

    async def build() -> View:
        view, _ = await _proposed(bot, click, run_id, revision)
        return modals.replan(view)

    await _modal(click, "Re-plan", build)


async def _instructions(bot: Bot, click: Click) -> None:
    run_id, _ = ids.read_revision(click.value)

    async def build() -> View:
        return modals.instructions(await bot.view(run_id, click.actor))

    await _modal(click, "Instructions", build)


async def _details(bot: Bot, click: Click) -> None:
    async def build() -> View:
        return details.run(await bot.view(click.value, click.actor))

    await _modal(click, "Details", build)


async def _details_subtask(bot: Bot, click: Click) -> None:
    async def build() -> View:
        return await _detail(bot, click)

    await _modal(click, "Details", build)


async def _turn_details(bot: Bot, click: Click) -> None:
    await _swap(click, await _detail(bot, click))


async def _detail(bot: Bot, click: Click) -> View:
    """The page about the run, or about one of its subtasks, that the button names."""
    run_id, number, page = ids.read_detail(click.value)
    view = await bot.view(run_id, click.actor)
    if number is None:
        return details.run(view, page)
    shown = _subtask(view, number)
    async with bot.orchestrator.database.read() as session:
        history = await subtask_history(session, run_id, number)
    return details.subtask(view, shown, history, page)


def _subtask(view: RunView, number: int | None) -> SubtaskView:
    subtask = view.subtask(number or 0)
    if subtask is None:
        raise NotFound("That subtask is no longer in the plan.")
    return subtask


async def _redo(bot: Bot, click: Click) -> None:
    run_id, number = ids.read_subtask(click.value)

    async def build() -> View:
        await bot.access.check(run_id, click.actor)
        view = await bot.view(run_id, click.actor)
        return modals.redo(view, _subtask(view, number))

    await _modal(click, "Redo", build)


async def _save_playbook(bot: Bot, click: Click) -> None:
    async def build() -> View:
        await bot.access.check(click.value, click.actor)
        return modals.save_playbook(await bot.view(click.value, click.actor))

    await _modal(click, "Save as playbook", build)


async def _edit_and_retry(bot: Bot, click: Click) -> None:
    run_id, number = ids.read_subtask(click.value)

    async def build() -> View:
        await bot.access.check(run_id, click.actor)
        view = await bot.view(run_id, click.actor)
        return modals.edit_and_retry(view, _subtask(view, number), sorted(bot.orchestrator.roles))

    await _modal(click, "Edit and retry", build)


async def _breakdown(bot: Bot, click: Click) -> None:
    async def build() -> View:
        view = await _view_of_request(bot, click, click.value)
        request = next(r for r in view.requests if r.id == click.value)
        return modals.breakdown(view, request)

    await _modal(click, "Write the subtasks", build)


async def _answer_question(bot: Bot, click: Click) -> None:
    async def build() -> View:
        view = await _view_of_request(bot, click, click.value)
        request = next(r for r in view.requests if r.id == click.value)
        return modals.answer(view, request)

    await _modal(click, "Answer", build)


async def _arguments(bot: Bot, click: Click) -> None:
    async def build() -> View:
        view = await bot.view(await bot.orchestrator.run_of_request(click.value), click.actor)
        request = next(r for r in view.requests if r.id == click.value)
        if request.tool is None:
            raise NotFound("That question no longer exists.")
        return details.arguments(request.tool)

    await _modal(click, "Arguments", build)


async def _view_of_request(bot: Bot, click: Click, request_id: str) -> RunView:
    """The run that asks, if this person may answer and it is still to be answered."""
    run_id = await bot.orchestrator.run_of_request(request_id)
    await bot.access.check(run_id, click.actor)
    view = await bot.view(run_id, click.actor)
    request = next(r for r in view.requests if r.id == request_id)
    if request.status is not RequestStatus.OPEN:
        raise Outdated("That was answered already.", by=request.answered_by)
    return view


async def _proposed(bot: Bot, click: Click, run_id: str, revision: int) -> tuple[RunView, Plan]:
    """The view and plan of this revision, if it still waits and this person may decide."""
    run = await bot.access.check(run_id, click.actor)
    view = await bot.view(run_id, click.actor)
    if run.status is not RunStatus.PROPOSED or run.revision != revision:
        raise Outdated("This plan has been decided on or replaced already.")
    async with bot.orchestrator.database.read() as session:
        plan = await plan_of(session, run)
    assert plan is not None
    return view, plan


def _roles(bot: Bot, plan: Plan) -> list[str]:
    return sorted({*bot.orchestrator.roles, *(role.name for role in plan.roles)})


# --- others ---------------------------------------------------------------------------------


async def _feedback(bot: Bot, click: Click) -> None:
    run_id, verdict = ids.read_feedback(click.value)
    run = await bot.access.find(run_id, click.actor)
    done = await bot.orchestrator.do(Rate(run_id, verdict), at_home(run, click.actor))
    await click.say(done.sentence)


async def _timeline(bot: Bot, click: Click) -> None:
    view = await bot.view(click.value, click.actor)
    async with bot.orchestrator.database.read() as session:
        attempts = await attempt_views(session, view.id)
    shown = timeline.chart(view, attempts, now())
    if shown is None:
        raise Outdated("Nothing has run yet, so there is no timeline.")
    await click.say(f"I am drawing the timeline of {view.name}; it comes into this thread.")
    async with bot.drawing:
        picture = await timeline.picture(shown)
    await click.client.files_upload_v2(
        channel=view.channel,
        thread_ts=view.thread,
        filename=f"{view.name}-timeline.png",
        title=f"{shown.title} ({shown.subtitle})",
        alt_txt=f"{shown.title}: {shown.subtitle}",
        content=picture,
    )


async def _run_again(bot: Bot, click: Click) -> None:
    run = await bot.access.find(click.value, click.actor)
    again = Create(task=run.task, channel=run.channel, context=run.context)
    claim = f"again:{click.trigger_id}"
    done = await bot.create(again, at_home(run, click.actor), claim=claim)
    bot.publisher.wake()
    await click.say(
        f"{done.sentence} It has a thread of its own.", await _thread_of(bot, click, done.run_id)
    )


async def _thread_of(bot: Bot, click: Click, run_id: str) -> str | None:
    """The address of a thread whose first message is being posted; None if that takes long."""

    async def look() -> str | None:
        return await links.of_thread(bot.installations, await bot.access.find(run_id, click.actor))

    return await soon(look)


_HANDLERS: dict[str, Handler] = {
    ids.APPROVE: _approve,
    ids.EDIT: _edit,
    ids.EDIT_FORM: _edit_form,
    ids.EDIT_PAGE: _edit_page,
    ids.EDIT_TEXT: _edit_text,
    ids.REPLAN: _replan,
    ids.REJECT: _reject,
    ids.INSTRUCTIONS: _instructions,
    ids.DETAILS: _details,
    ids.DETAILS_SUBTASK: _details_subtask,
    ids.DETAILS_PREVIOUS: _turn_details,
    ids.DETAILS_NEXT: _turn_details,
    ids.TIMELINE: _timeline,
    ids.RUN_AGAIN: _run_again,
    ids.SAVE_PLAYBOOK: _save_playbook,
    ids.REDO: _redo,
    ids.STOP: _stop,
    ids.RETRY: _retry,
    ids.RETRY_ALL: _retry_all,
    ids.EDIT_RETRY: _edit_and_retry,
    ids.SKIP: _skip,
    ids.ANSWER_WITH_REST: _answer_with_rest,
    ids.ANSWER_QUESTION: _answer_question,
    ids.BREAKDOWN: _breakdown,
    ids.ARGUMENTS: _arguments,
    ids.FEEDBACK: _feedback,
}
