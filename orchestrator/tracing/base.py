"""What is told to traces while runs go on; here nothing is done with it.

OpenTelemetry is loaded only where traces are asked for: it takes memory that nobody else pays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

import structlog

from orchestrator.errors import ConfigurationError
from orchestrator.events import Bus
from orchestrator.model.base import Model
from orchestrator.store.database import Database
from orchestrator.store.tables import Run
from orchestrator.tools.base import ToolResult

log = structlog.get_logger(__name__)

OnResult = Callable[[ToolResult], None]


class AttemptTrace:
    """One attempt, from its beginning until its result is committed.

    While it is entered, calls of the model and of tools belong to it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def belongs_to(self, run: Run) -> None:
        """Note whose attempt it is, as the run is now."""

    def tool(self, row: Mapping[str, Any]) -> AbstractContextManager[OnResult]:
        """The time in which a tool is called; what it gives is told what came of the call."""
        return _NO_TOOL

    def committed(self, result: Mapping[str, Any]) -> None:
        """The attempt is over, with this result."""


class Tracing:
    """Nothing is traced."""

    def attempt(self, row: Mapping[str, Any]) -> AttemptTrace:
        """An attempt begins."""
        return _UNTRACED

    def model(self, model: Model) -> Model:
        """The model as attempts should call it."""
        return model

    def follow(self, bus: Bus, database: Database) -> None:
        """Hear from `bus` which runs are over, and read in `database` how they went."""

    async def close(self) -> None:
        """Let go of everything, within seconds."""


def _ignore(_: ToolResult) -> None:
    return None


_UNTRACED = AttemptTrace()
_NO_TOOL = nullcontext(_ignore)


def of_environment(provider: str, roles: Collection[str]) -> Tracing:
    """Traces as the standard variables ask for them; `provider` says who answers calls.

    Raises ConfigurationError where a variable has a value that means nothing.
    """
    if not _is_asked_for():
        return Tracing()
    try:
        from orchestrator.tracing.export import to_collector
        from orchestrator.tracing.spans import Spans
    except ImportError:
        # A whole cluster may have these variables set.
        log.warning("traces_need_an_extra", install="orchestrator-bot[otel]")
        return Tracing()
    try:
        return Spans(to_collector(), provider, roles, with_contents=_wants_contents())
    except ValueError as error:
        raise ConfigurationError(f"The OTEL_ variables are not right: {error}.") from error


def _is_asked_for() -> bool:
    if _word("OTEL_SDK_DISABLED") == "true":
        return False
    if exporter := _word("OTEL_TRACES_EXPORTER"):
        return exporter == "otlp"
    return bool(_word("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or _word("OTEL_EXPORTER_OTLP_ENDPOINT"))


def _wants_contents() -> bool:
    wanted = _word("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
    return wanted in ("true", "span_only", "span_and_event")


def _word(name: str) -> str:
    return os.environ.get(name, "").strip().lower()
