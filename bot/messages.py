"""Which messages a run's thread should show. Pure: a view in, messages out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

from bot.blocks import answer, fallback, note, plan, reminder, request, status, text
from bot.blocks.fallback import Form
from bot.blocks.payload import Payload
from bot.view import ArtifactView, RequestView, RunView
from orchestrator.store.tables import RequestKind, RevisionSource, RunStatus

# What the keys of answers begin with.
ANSWER = "answer:"
UNATTACHED = "unattached:"
# Dead letters that come this close together are one message.
_AT_ONCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message as it should be. `key` names it for life within its run.

    `plainer` is what a workspace gets that refuses `payload`. Urgent ones are edited first.
    """

    key: str
    payload: Payload
    plainer: Payload | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; `title` tells it from all others in the thread.

    Of what a worker made there is the artifact's id in the place of its content.
    """

    key: str
    name: str
    title: str
    content: str = ""
    artifact_id: str | None = None


def digest(payload: Payload) -> str:
    """What tells two payloads apart."""
    content = json.dumps([payload.text, payload.blocks], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def is_passing(key: str) -> bool:
    """Whether a message is taken away when it is no longer wanted."""
    return key.startswith(("note:", UNATTACHED))


def wanted(view: RunView) -> list[Wanted]:
    """The messages of the thread, in the order in which they appear."""
    if view.thread is None:
        return [Wanted("root", note.root(view))]
    return [*_notes(view), *_plans(view), *_requests(view), *_answers(view), *_reminders(view)]


def waiting(view: RunView) -> set[str]:
    """The keys of the messages without which people cannot do what the run waits for."""
    asking = {r.id for r in view.open_requests}
    keys = {_key(group) for group in _groups(view) if any(r.id in asking for r in group)}
    if view.status is RunStatus.PROPOSED:
        keys |= {wanted.key for wanted in list(_plans(view))[-1:]}
    return keys


def everything_needed(view: RunView) -> list[Wanted]:
    """The messages that people cannot do without, whether or not there is a thread for them."""
    keys = needed(view)
    every = [*_notes(view), *_plans(view), *_requests(view), *_answers(view)]
    return [item for item in every if item.key in keys]


def needed(view: RunView) -> set[str]:
    """The keys of the messages that people cannot do without: what waits for them, and the end."""
    keys = waiting(view) | {item.key for item in _answers(view)}
    if not view.status.is_live:
        keys |= {item.key for item in [*_notes(view), *list(_plans(view))[-1:]]}
    return keys


def attachments(
    view: RunView, forms: Mapping[str, Form] = MappingProxyType({})
) -> list[Attachment]:
    """The files of the thread: they come with the answer, and with messages whose form is too
    plain to hold all they say."""
    cut = [
        Attachment(f"whole:{item.key}", f"{view.name}.txt", _whole_title(view, item), words)
        for item in wanted(view)
        if not item.key.startswith(ANSWER) and (words := _cut_off(item, forms))
    ]
    if view.answer is None:
        return cut
    files = _numbered([_made(view, artifact) for artifact in view.artifacts])
    number = view.answer.revision
    document = answer.document(view)
    if document is None and forms.get(f"{ANSWER}{number}"):
        document = view.answer.text
    if not document:
        return [*cut, *files]
    title = f"The answer of {view.name}" + (f", version {number}" if number > 1 else "")
    whole = Attachment(f"answer-file:{number}", f"{view.name}.md", title, document)
    return [*cut, whole, *files]


def _cut_off(item: Wanted, forms: Mapping[str, Form]) -> str:
    """All that a message says, where its form does not hold it; else nothing."""
    form = forms.get(item.key, Form.FULL)
    return "" if fallback.is_whole(item.payload, form) else fallback.words_of(item.payload)


def _whole_title(view: RunView, item: Wanted) -> str:
    return f"{view.name}, the whole message ({item.key})"


def _made(view: RunView, artifact: ArtifactView) -> Attachment:
    name = text.line(artifact.name.replace("/", "_"), 120)
    by = f"subtask {artifact.subtask} of {view.name}" if artifact.subtask else view.name
    return Attachment(f"artifact:{artifact.id}", name, f"{name} ({by})", artifact_id=artifact.id)


def _numbered(files: list[Attachment]) -> list[Attachment]:
    """The files, of which none has the title of another."""
    seen: Counter[str] = Counter()
    numbered = []
    for file in files:
        seen[file.title] += 1
        again = f" ({seen[file.title]})" if seen[file.title] > 1 else ""
        numbered.append(replace(file, title=f"{file.title}{again}"))
    return numbered


def _notes(view: RunView) -> Iterator[Wanted]:
    waits = any(r.kind is RequestKind.BREAKDOWN for r in view.open_requests)
    if view.status is RunStatus.PLANNING and not waits:
        yield Wanted(f"note:{len(view.revisions)}", note.planning(view), urgent=True)
    elif not view.status.is_live and not view.revisions:
        yield Wanted("end", status.status(view), urgent=True)


def _plans(view: RunView) -> Iterator[Wanted]:
    """One message for each plan that was proposed; edits of it appear in the same message."""
    proposed = [
        r.number
        for r in view.revisions
        if r.source in (RevisionSource.PLANNER, RevisionSource.BREAKDOWN)
    ]
    for number in proposed[:-1]:
        yield Wanted(f"plan:{number}", plan.replaced(view, number))
    if not proposed:
        return
    key = f"plan:{proposed[-1]}"
    if view.status is RunStatus.PLANNING:
        yield Wanted(key, plan.replaced(view, proposed[-1]), urgent=True)
    elif view.status is RunStatus.PROPOSED:
        yield Wanted(key, plan.proposal(view), urgent=True)
    else:
        is_urgent = not view.status.is_live or view.needs_attention
        plainer = status.status(view, native=False)
        yield Wanted(key, status.status(view), plainer, urgent=is_urgent)


def _requests(view: RunView) -> Iterator[Wanted]:
    for group in _groups(view):
        yield Wanted(_key(group), request.request(view, group), urgent=True)


def _key(group: Sequence[RequestView]) -> str:
    return f"request:{group[0].id}"


def _groups(view: RunView) -> list[list[RequestView]]:
    """The requests that have a message of their own, those of one message together."""
    apart = (RequestKind.APPROVAL, RequestKind.DEAD_LETTER)
    shown = [r for r in view.requests if r.kind not in apart]
    letters = [r for r in view.requests if r.kind is RequestKind.DEAD_LETTER]
    return [*([r] for r in shown), *_together(letters)]


def _together(letters: Sequence[RequestView]) -> list[list[RequestView]]:
    groups: list[list[RequestView]] = []
    for letter in letters:
        if groups and _belongs(letter, groups[-1]):
            groups[-1].append(letter)
        else:
            groups.append([letter])
    return groups


def _belongs(letter: RequestView, group: Sequence[RequestView]) -> bool:
    """Whether nobody had dealt with the message of `group` yet: an edit notifies nobody."""
    is_untouched = all(
        other.answered_at is None or other.answered_at > letter.created_at for other in group
    )
    return is_untouched and letter.created_at - group[0].created_at < _AT_ONCE


def _answers(view: RunView) -> Iterator[Wanted]:
    if view.answer is not None:
        yield Wanted(f"{ANSWER}{view.answer.revision}", answer.answer(view), urgent=True)


def _reminders(view: RunView) -> Iterator[Wanted]:
    """One message for all that people were reminded of at once, until nothing of it waits."""
    for at in sorted({r.reminded_at for r in view.open_requests if r.reminded_at}):
        requests = [r for r in view.open_requests if r.reminded_at == at]
        key = f"note:reminder:{int(at.timestamp())}"
        yield Wanted(key, reminder.reminder(view, requests), urgent=True)
