"""With which parameters something is tried, and tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator.ladder import FALLBACK, HIGHER, Ladder, Step
from orchestrator.model.base import Effort, Purpose
from orchestrator.roles import Role
from orchestrator.settings import Settings
from orchestrator.store.tables import Outcome

_HIGHER = {
    None: Effort.HIGH,
    Effort.LOW: Effort.MEDIUM,
    Effort.MEDIUM: Effort.HIGH,
    Effort.HIGH: Effort.XHIGH,
    Effort.XHIGH: Effort.MAX,
    Effort.MAX: Effort.MAX,
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How one attempt is made. `timeout_s` in seconds, `max_tokens` of output."""

    model: str
    timeout_s: float
    max_tokens: int
    effort: Effort | None = None
    temperature: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As stored with the attempt."""
        return {name: getattr(self, name) for name in self.__slots__}


def of_role(role: Role, settings: Settings, timeout_s: float | None = None) -> Parameters:
    """What the first attempt of a worker gets; a subtask's own `timeout_s` wins."""
    return Parameters(
        model=role.model or settings.worker_model,
        timeout_s=timeout_s or role.timeout_s or settings.attempt_timeout_s,
        max_tokens=role.max_tokens,
        effort=role.effort,
        temperature=role.temperature,
    )


def of_run(purpose: Purpose, settings: Settings) -> Parameters:
    """What the first attempt at planning, reviewing or synthesis gets."""
    return Parameters(
        model=settings.planner_model,
        timeout_s=settings.planner_timeout_s,
        max_tokens=settings.synthesis_max_tokens if purpose is Purpose.SYNTHESIS else 16_000,
    )


def climb(
    first: Parameters, failed: Iterable[Outcome], ladder: Ladder, fallback_model: str
) -> Parameters:
    """The parameters after `failed`: each failure changes what may have caused it."""
    parameters, taken = first, Counter[int]()
    for outcome in failed:
        position = next((n for n, rung in enumerate(ladder) if outcome in rung.after), None)
        if position is None:
            continue
        steps = ladder[position].steps
        step = steps[min(taken[position], len(steps) - 1)]
        parameters = _after(parameters, step, fallback_model)
        taken[position] += 1
    return parameters


@lru_cache(256)
def later(
    first: Parameters, ladder: Ladder, fallback_model: str, attempts: int
) -> frozenset[Parameters]:
    """The parameters that attempts after the first may have, where one kind of failure recurs."""
    failures = {outcome for rung in ladder for outcome in rung.after}
    return frozenset(
        climb(first, [outcome] * times, ladder, fallback_model)
        for outcome in failures
        for times in range(1, attempts)
    )


def _after(parameters: Parameters, step: Step, fallback_model: str) -> Parameters:
    model = fallback_model if step.model == FALLBACK else step.model
    effort = _HIGHER[parameters.effort] if step.effort == HIGHER else step.effort
    return Parameters(
        model=model or parameters.model,
        timeout_s=parameters.timeout_s * step.timeout,
        max_tokens=int(parameters.max_tokens * step.max_tokens),
        effort=Effort(effort) if effort else parameters.effort,
        temperature=parameters.temperature if step.temperature is None else step.temperature,
    )
