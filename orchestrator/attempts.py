"""The attempt ladder: with which parameters something is tried, and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

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


def climb(first: Parameters, failed: Sequence[Outcome], fallback_model: str) -> Parameters:
    """The parameters after `failed`: each failure changes what may have caused it.

    Timed out: twice the time. Empty or invalid: first the failure is only explained, then the
    effort rises, then the fallback model takes over. Anything else: the fallback model.
    """
    parameters = first
    explained = 0
    for outcome in failed:
        if outcome is Outcome.TIMED_OUT:
            parameters = replace(parameters, timeout_s=parameters.timeout_s * 2)
        elif outcome in (Outcome.EMPTY, Outcome.INVALID):
            explained += 1
            parameters = _after_bad_output(parameters, explained, fallback_model)
        else:
            parameters = replace(parameters, model=fallback_model)
    return parameters


def _after_bad_output(parameters: Parameters, times: int, fallback_model: str) -> Parameters:
    if times == 1:
        return parameters
    if times == 2:
        return replace(parameters, effort=_HIGHER[parameters.effort])
    return replace(parameters, model=fallback_model)
