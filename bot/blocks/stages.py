"""Subtasks in the order in which they can be done."""

from __future__ import annotations

from collections.abc import Sequence

from bot.view import SubtaskView
from orchestrator import graph

Stage = tuple[int, list[SubtaskView]]


def stages(subtasks: Sequence[SubtaskView]) -> list[Stage]:
    """The subtasks by stage: the plan's own, else how many others come before each at least."""
    known = {subtask.number for subtask in subtasks}
    after = {s.number: [n for n in s.after if n in known] for s in subtasks}
    depth: dict[int, int] = {}
    for number in graph.order(after):
        depth[number] = 1 + max((depth[need] for need in after[number]), default=0)
    grouped: dict[int, list[SubtaskView]] = {}
    for subtask in subtasks:
        grouped.setdefault(subtask.stage or depth[subtask.number], []).append(subtask)
    return sorted(grouped.items())
