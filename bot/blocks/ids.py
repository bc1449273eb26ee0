"""Names of buttons and dialogs, and the ids their values carry.

A value has ids and nothing else: what a click means is looked up when it happens. The readers
raise NotFound for values this version does not write.
"""

from __future__ import annotations

from orchestrator.errors import NotFound
from orchestrator.history import Place

APPROVE = "approve"
EDIT = "edit"
REPLAN = "replan"
REJECT = "reject"
INSTRUCTIONS = "instructions"
STOP = "stop"
DETAILS = "details"
DETAILS_SUBTASK = "details_subtask"
DETAILS_PREVIOUS = "details_previous"
DETAILS_NEXT = "details_next"
TIMELINE = "timeline"
RUN_AGAIN = "run_again"
SAVE_PLAYBOOK = "save_playbook"
REDO = "redo"
RETRY = "retry"
EDIT_RETRY = "edit_retry"
SKIP = "skip"
RETRY_ALL = "retry_all"
ANSWER_WITH_REST = "answer_with_rest"
ANSWER_QUESTION = "answer_question"
ANSWER_OPTION = "answer_option_"  # followed by the option's index
BREAKDOWN = "breakdown"
ARGUMENTS = "arguments"
FEEDBACK = "feedback"
RUNS_PREVIOUS = "runs_page_previous"
RUNS_NEXT = "runs_page_next"
OPEN_THREAD = "open_thread"
PAUSE_SCHEDULE = "schedule_pause"
RESUME_SCHEDULE = "schedule_resume"
REMOVE_SCHEDULE = "schedule_remove"
EDIT_TEXT = "edit_text"
EDIT_FORM = "edit_form"
EDIT_PAGE = "edit_page"

EDIT_VIEW = "edit_plan"
EDIT_TEXT_VIEW = "edit_plan_text"
REPLAN_VIEW = "replan"
BREAKDOWN_VIEW = "breakdown"
EDIT_RETRY_VIEW = "edit_and_retry"
ANSWER_VIEW = "answer_question"
REDO_VIEW = "redo"
SAVE_PLAYBOOK_VIEW = "save_playbook"
ORCHESTRATE_VIEW = "orchestrate_this"

MOST_OPTIONS = 8
_MOST_QUERY = 1_000


def of_revision(run_id: str, revision: int) -> str:
    """The value of what is about one revision of a plan."""
    return f"{run_id}:{revision}"


def read_revision(value: str) -> tuple[str, int]:
    """Run and revision."""
    run_id, revision = _parts(value, 2)
    return run_id, _number(revision)


def of_page(run_id: str, revision: int, page: int = 0) -> str:
    """The value of what is about one page of the form for a revision."""
    return f"{run_id}:{revision}:{page}"


def read_page(value: str) -> tuple[str, int, int]:
    """Run, revision and page, which is 0 where none is named."""
    if value.count(":") == 1:
        return *read_revision(value), 0
    run_id, revision, page = _parts(value, 3)
    return run_id, _number(revision), _number(page)


def of_subtask(run_id: str, subtask: int | None) -> str:
    """The value of what is about a subtask, or (None) about the final answer."""
    return f"{run_id}:{'' if subtask is None else subtask}"


def read_subtask(value: str) -> tuple[str, int | None]:
    """Run and subtask, None for the final answer."""
    run_id, subtask = _parts(value, 2)
    return run_id, _number(subtask) if subtask else None


def of_detail(run_id: str, subtask: int | None, page: int = 0) -> str:
    """The value of a page about a subtask, or (None) about the whole run."""
    return f"{of_subtask(run_id, subtask)}:{page}"


def read_detail(value: str) -> tuple[str, int | None, int]:
    """Run, subtask (None for the whole run) and page."""
    run_id, subtask, page = _parts(value, 3)
    return run_id, _number(subtask) if subtask else None, _number(page)


def of_option(request_id: str, index: int) -> str:
    """The value of an offered answer to a question."""
    return f"{request_id}:{index}"


def read_option(value: str) -> tuple[str, int]:
    """Request and index of the option."""
    request_id, index = _parts(value, 2)
    return request_id, _number(index)


def of_list(place: Place, query: str) -> str:
    """The value of a page of a list that begins at that place."""
    return f"{'>' if place.is_after else '<'}{place.number}|{query[:_MOST_QUERY]}"


def read_list(value: str) -> tuple[Place, str]:
    """Place and query."""
    place, _, query = value.partition("|")
    if place[:1] not in ("<", ">"):
        raise _outdated()
    return Place(_number(place[1:]), is_after=place[0] == ">"), query


def of_feedback(run_id: str, verdict: str) -> str:
    """The value of a thumb; `verdict` is `up` or `down`."""
    return f"{run_id}:{verdict}"


def read_feedback(value: str) -> tuple[str, str]:
    """Run and verdict, `up` or `down`."""
    run_id, verdict = _parts(value, 2)
    if verdict not in ("up", "down"):
        raise _outdated()
    return run_id, verdict


def _parts(value: str, count: int) -> list[str]:
    parts = value.split(":")
    if len(parts) != count or not parts[0]:
        raise _outdated()
    return parts


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise _outdated()
    return int(value)


def _outdated() -> NotFound:
    return NotFound("That button is from an earlier version and no longer works.")
