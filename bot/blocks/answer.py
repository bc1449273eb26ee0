"""The answer: what the whole run was for."""

from __future__ import annotations

from bot.blocks import ids, markdown, text, words
from bot.blocks.elements import actions, button, confirm, context, paragraph, plain
from bot.blocks.payload import Block, Payload
from bot.view import RunView
from orchestrator import text as plain_text
from orchestrator.store.tables import SubtaskStatus
from orchestrator.text import plural

# Slack takes 12,000 characters of markdown in a message, and all its blocks need room. Whether it
# counts bytes is not documented, so these are bytes.
MOST_ANSWER = 11_000
_MOST_BLOCK = 6_000
_OFFLINE = "offline"


def answer(view: RunView) -> Payload:
    """The answer, or its beginning where it does not fit; mentions the requester."""
    blocks: list[Block] = [paragraph(f"{text.mention(view.requester)} {_opening(view)}")]
    whole = _text(view)
    shown = markdown.pieces(markdown.safe(whole[: MOST_ANSWER + 1]))
    if not _fits(whole):
        shown = markdown.beginning(shown, MOST_ANSWER)
    blocks += [
        {"type": "markdown", "text": part} for part in markdown.packed(shown, _MOST_BLOCK)
    ] or [context("The answer is empty.")]
    if not _fits(whole):
        blocks.append(context("📎 This is the beginning. The whole answer is attached as a file."))
    blocks.append(context(_footer(view)))
    blocks.append(_buttons(view))
    blocks.append(_thumbs(view))
    return Payload(blocks, f"{_plain_opening(view)} {text.escape(text.line(view.task, 150))}")


def draft_opening(requester: str, name: str) -> str:
    """What an answer begins with while it is written, in Markdown."""
    return f"{text.mention(requester)} {draft_words(name)}\n\n"


def draft_again() -> str:
    """What stands in a draft between an attempt that failed and the next."""
    return "\n\n---\n\nThat came to no end. I am writing it anew:\n\n"


def draft_words(name: str) -> str:
    """What tells an answer that is being written from any other message."""
    return f"I am writing the answer of {name}:"


def document(view: RunView) -> str | None:
    """The whole answer as Markdown, where the message cannot hold it."""
    whole = _text(view)
    return None if _fits(whole) else whole


def _text(view: RunView) -> str:
    return plain_text.block(view.answer.text) if view.answer else ""


def _fits(whole: str) -> bool:
    is_short = len(whole) <= MOST_ANSWER
    return is_short and markdown.size(markdown.safe(whole)) <= MOST_ANSWER


def _plain_opening(view: RunView) -> str:
    if view.answer and view.answer.revision > 1:
        return f"The answer of {view.name}, version {view.answer.revision}:"
    return f"The answer of {view.name}:"


def _opening(view: RunView) -> str:
    if view.answer and view.answer.revision > 1:
        said = f"Here is the new answer of *{view.name}* (version {view.answer.revision})"
    else:
        said = f"Here is the answer of *{view.name}*"
    return f"{said}, with {plural(view.gaps, 'gap')}." if view.gaps else f"{said}."


def _footer(view: RunView) -> str:
    parts = [f"⏱️ {took}"] if (took := words.took(view)) else []
    parts += [f"{view.tokens:,} tokens", words.cost(view)]
    if models := _models(view):
        parts.append(models)
    if view.gaps:
        parts.append(_gaps(view))
    if _OFFLINE in view.models:
        parts.append("offline: these are sample answers, not a model's")
    return " · ".join(parts)


def _models(view: RunView) -> str:
    named = [text.escape(text.line(model, 40)) for model in view.models if model != _OFFLINE]
    return ", ".join([*named[:4], f"{len(named) - 4} more"] if len(named) > 4 else named)


def _gaps(view: RunView) -> str:
    missing = (SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED, SubtaskStatus.DEAD)
    left_out = [s.number for s in view.subtasks if s.status in missing]
    gaps = plural(view.gaps, "gap")
    return f"⚠️ {gaps}: without {text.numbers(left_out)}" if left_out else f"⚠️ {gaps}"


def _buttons(view: RunView) -> Block:
    again = confirm(
        f"Run {view.name} again?",
        "The same task is planned anew, in a thread of its own.",
        "Run again",
        "Not now",
        style="primary",
    )
    return actions(
        button("Details", ids.DETAILS, view.id),
        button("Timeline", ids.TIMELINE, view.id),
        button("Run again", ids.RUN_AGAIN, view.id, confirm=again),
        button("Save as playbook", ids.SAVE_PLAYBOOK, view.id),
    )


def _thumbs(view: RunView) -> Block:
    def thumb(label: str, verdict: str) -> dict[str, object]:
        return {
            "text": plain(label),
            "value": ids.of_feedback(view.id, verdict),
            "accessibility_label": label,
        }

    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": ids.FEEDBACK,
                "positive_button": thumb("Good answer", "up"),
                "negative_button": thumb("Bad answer", "down"),
            }
        ],
    }
