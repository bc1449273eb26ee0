"""Short messages: planning has begun, how to use the bot, something went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import ids, text, words
from bot.blocks.elements import actions, button, confirm, context, paragraph
from bot.blocks.payload import Block, Payload
from bot.view import RunView
from orchestrator.store.tables import RunStatus
from orchestrator.text import listing

# What the models get to read of a task by default.
MOST_TASK = 40_000

_MOST_NAMED = 5

_EXAMPLE = (
    "Compare the three most used open-source job queues for Python. For each: how it stores "
    "jobs, what it does when a worker dies, and its licence. Then recommend one for a team of four."
)


def root(view: RunView) -> Payload:
    """The first message of a thread that was begun by a command: who asked, and for what."""
    said = text.section(text.user(view.requester), text.span(" asked for:"))
    return Payload(
        [text.rich_text(said, text.quote(text.block(view.task, 1500)))],
        f"{view.name}: {text.escape(text.line(view.task, 200))}",
    )


def planning(view: RunView) -> Payload:
    """The plan is being made, for the first time or again with feedback."""
    again = view.revision > 0
    sentence = (
        f"Re-planning *{view.name}* with your feedback…"
        if again
        else f"On it! I'm planning *{view.name}*…"
    )
    blocks: list[Block] = [paragraph(f"📝 {sentence}")]
    if again and view.note.strip():
        blocks.append(text.rich_text(text.quote(text.block(view.note, 600))))
    if view.missing:
        blocks.append(context(f"🧵 {view.missing}"))
    if len(view.task) > MOST_TASK:
        blocks.append(context(_trimmed(len(view.task))))
    blocks.append(actions(stop_button(view)))
    doing = "re-planning" if again else "planning"
    return Payload(blocks, f"On it: {doing} {view.name}.")


def _trimmed(length: int) -> str:
    return (
        f"✂️ The task has {length:,} characters. I read the first {MOST_TASK:,}; "
        "attach the rest as a file, or make it shorter."
    )


def stop_button(view: RunView) -> dict[str, object]:
    """Stop, which asks first."""
    return button(
        "Stop",
        ids.STOP,
        view.id,
        style="danger",
        confirm=confirm(
            f"Stop {view.name}?",
            "Work that is under way is broken off. What is done so far stays in Details.",
            "Stop",
            "Go on",
        ),
    )


def progress(view: RunView) -> Payload:
    """Where the run stands, in a sentence."""
    return said(progress_of(view))


def progress_of(view: RunView) -> str:
    """Where the run stands, in a sentence without text from outside."""
    parts = [f"{view.name}: {words.run_state(view.status, view.gaps).lower()}"]
    if view.subtasks and view.status not in (RunStatus.PLANNING, RunStatus.PROPOSED):
        parts.append(words.done(view))
    if (needed := words.attention(view)) and view.status.is_live:
        parts.append(needed)
    return f"{', '.join(parts)}."


def usage() -> Payload:
    """How to use the bot."""
    return Payload(
        [
            paragraph(
                "👋 Tell me what you need, and I'll break it down, show you the plan, and start "
                "when you approve it. For example:"
            ),
            text.rich_text(text.quote(_EXAMPLE)),
            context(
                "Mention me with a task in a channel, write to me directly, or type "
                "`/orchestrate` and the task. In a run's thread I understand `stop`, `status` and "
                "`retry`. `/runs` lists your runs, `/schedules` makes tasks begin by "
                "themselves, and with `/orchestrate policy` admins say who decides in a channel."
            ),
        ],
        "Tell me what you need, for example: compare three job queues and recommend one.",
    )


def file_question(user_id: str, files: Sequence[str], *, is_direct: bool) -> Payload:
    """Ask a person what to do with files that came without words."""
    named = [f"“{text.line(name, 80)}”" for name in files[:_MOST_NAMED]]
    if len(files) > _MOST_NAMED:
        named.append(f"{len(files) - _MOST_NAMED} more")
    how = "Answer in this thread." if is_direct else "Mention me in this thread with the answer."
    question = f", what should I do with {listing(named)}? {how}"
    return Payload(
        [text.rich_text(text.section(text.user(user_id), text.span(question)))],
        f"{text.mention(user_id)}{text.escape(question)}",
    )


def elsewhere(view: RunView, payload: Payload) -> Payload:
    """A message of a run, for the person who asked for it, outside of its thread."""
    place = f"<#{text.escape(view.channel or '')}>"
    why = f"Slack does not let me show this in {place} at the moment, so you get it here."
    return Payload([paragraph(why), *payload.blocks], payload.text)


def unattached(view: RunView, name: str) -> Payload:
    """Say that a file of the run is not in its thread."""
    sentence = f"Slack does not let me attach “{text.line(name, 80)}” of {view.name} here."
    return Payload([text.rich_text(text.section(text.span(sentence)))], text.escape(sentence))


def said(sentence: str, link: str | None = None) -> Payload:
    """One of our own sentences, for one reader: people named in it are shown by name.

    `link` is the address of a thread that it leads to.
    """
    spans = text.spans(sentence)
    if link is not None:
        spans += [text.span(" "), text.link(link, "Open it")]
    return Payload([text.rich_text(text.section(*spans))], _as_text(sentence))


def broken(log_id: str) -> str:
    """What a person reads of our own mistake; `log_id` is also in the log."""
    return f"That did not work. If it happens again, tell whoever runs me this id: {log_id}."


def _as_text(sentence: str) -> str:
    pieces = text.spans(sentence)
    return "".join(
        text.mention(piece["user_id"]) if piece["type"] == "user" else text.escape(piece["text"])
        for piece in pieces
    )
