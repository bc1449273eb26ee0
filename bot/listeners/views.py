"""Submitted modals. What cannot be used is said at a field, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext

from bot.blocks import edit_form, ids, modals
from bot.bot import Bot, problem_in
from bot.incoming import actor_of
from orchestrator.commands import (
    Actor,
    Answer,
    Breakdown,
    Command,
    Done,
    Edit,
    Redo,
    Replan,
    Retry,
    SavePlaybook,
)
from orchestrator.errors import NotFound
from orchestrator.plan import Plan, from_text
from orchestrator.store.tables import PlanRevision


@dataclass(slots=True)
class Submission:
    """What a person typed into a modal, what the modal was about, and what came of it."""

    actor: Actor
    view: dict[str, Any]
    done: Done | None = None

    @property
    def about(self) -> modals.About:
        """What the modal was about: ids. Raises Outdated."""
        return modals.about(self.view)

    @property
    def values(self) -> dict[str, Any]:
        """What its fields say, by block id."""
        values: dict[str, Any] = self.view["state"]["values"]
        return values


Reader = Callable[[Bot, Submission], Awaitable[Command]]


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for submitted modals."""
    for callback_id, reader in _READERS.items():
        app.view(callback_id)(_listener(bot, reader))


def _listener(bot: Bot, reader: Reader) -> Callable[..., Awaitable[None]]:
    async def submitted(ack: AsyncAck, context: AsyncBoltContext, view: dict[str, Any]) -> None:
        submission = Submission(actor_of(context), view)
        problem = await problem_in(partial(_carry_out, bot, reader, submission))
        if submission.done is None:
            await ack(**modals.refused(view, problem or ""))
            return
        if view["callback_id"] in _TOLD:
            told = modals.notice(view["title"]["text"], submission.done.sentence)
            await ack(response_action="update", view=told)
        else:
            # What lies below it shows what was before.
            await ack(response_action="clear")
        bot.publisher.wake()

    return submitted


async def _carry_out(bot: Bot, reader: Reader, submission: Submission) -> None:
    command = await reader(bot, submission)
    submission.done = await bot.act(command, submission.actor)


async def _edited(bot: Bot, submission: Submission) -> Command:
    run_id, revision = submission.about["run_id"], submission.about["revision"]
    plan = await _plan(bot, run_id, revision)
    draft = modals.draft_of(plan, submission.view)
    return Edit(run_id, revision, edit_form.edited(plan, draft))


async def _edited_text(bot: Bot, submission: Submission) -> Command:
    run_id, revision = submission.about["run_id"], submission.about["revision"]
    plan = await _plan(bot, run_id, revision)
    return Edit(run_id, revision, from_text(modals.typed(submission.values), plan))


async def _replan(_: Bot, submission: Submission) -> Command:
    about = submission.about
    return Replan(about["run_id"], about["revision"], modals.typed(submission.values))


async def _breakdown(_: Bot, submission: Submission) -> Command:
    return Breakdown(submission.about["request_id"], modals.typed(submission.values))


async def _answer(_: Bot, submission: Submission) -> Command:
    return Answer(submission.about["request_id"], modals.typed(submission.values))


async def _edit_and_retry(_: Bot, submission: Submission) -> Command:
    instructions, role = modals.rewritten(submission.values)
    about = submission.about
    return Retry(about["run_id"], about["subtask"], instructions=instructions, role=role)


async def _redo(_: Bot, submission: Submission) -> Command:
    about = submission.about
    return Redo(about["run_id"], about["subtask"], modals.typed(submission.values))


async def _save_playbook(_: Bot, submission: Submission) -> Command:
    values = submission.values
    return SavePlaybook(submission.about["run_id"], modals.named(values), modals.typed(values))


async def _plan(bot: Bot, run_id: str, revision: int) -> Plan:
    async with bot.orchestrator.database.read() as session:
        row = await session.get(PlanRevision, (run_id, revision))
    if row is None:
        raise NotFound("That run no longer exists.")
    return Plan.model_validate(row.plan)


_READERS: dict[str, Reader] = {
    ids.EDIT_VIEW: _edited,
    ids.EDIT_TEXT_VIEW: _edited_text,
    ids.REPLAN_VIEW: _replan,
    ids.BREAKDOWN_VIEW: _breakdown,
    ids.EDIT_RETRY_VIEW: _edit_and_retry,
    ids.ANSWER_VIEW: _answer,
    ids.REDO_VIEW: _redo,
    ids.SAVE_PLAYBOOK_VIEW: _save_playbook,
}
# Of what nothing is to be seen elsewhere.
_TOLD = frozenset({ids.SAVE_PLAYBOOK_VIEW})
