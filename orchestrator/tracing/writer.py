"""Writing spans: while something happens, and of what is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import metadata

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from orchestrator.tracing import ids, names
from orchestrator.tracing.ids import Ids

# What is not known is left out.
Attributes = Mapping[str, AttributeValue | None]

_SCOPE = "orchestrator"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """A span of something that is over. Times are in nanoseconds since 1970; `error` is the kind
    of what went wrong."""

    name: str
    span_id: int
    parent_id: int | None
    began_ns: int
    ended_ns: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None


class Writer:
    """Writes the spans of this process to `processor`."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._ids = Ids()
        self._processor = processor
        self._provider = TracerProvider(
            resource=_resource(), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(_SCOPE, metadata.version("orchestrator-bot"))

    def write(self, run_id: str, past: Past) -> None:
        """Write a span of the run's trace that is over."""
        within = Context() if past.parent_id is None else self.within(run_id, past.parent_id)
        with self._ids.given(ids.of_trace(run_id), past.span_id):
            span = self._tracer.start_span(
                past.name,
                context=within,
                attributes=_known(past.attributes),
                start_time=past.began_ns,
            )
        if past.error is not None:
            fail(span, past.error)
        span.end(past.ended_ns)

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[Span]:
        """The span of what is done meanwhile, within the present context."""
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=_known(attributes),
            # It would repeat what was said.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                fail(span, type(error).__name__)
                raise

    def within(self, run_id: str, span_id: int) -> Context:
        """The context of a span of the run's trace, which somebody writes some time."""
        span = SpanContext(
            ids.of_trace(run_id), span_id, is_remote=True, trace_flags=self._flags(run_id)
        )
        return set_span_in_context(NonRecordingSpan(span), Context())

    def close(self) -> None:
        """Send what is left. May take long."""
        self._processor.shutdown()

    def _flags(self, run_id: str) -> TraceFlags:
        """Every process comes to the same decision about a trace."""
        sampled = self._provider.sampler.should_sample(
            None, ids.of_trace(run_id), names.INVOKE_WORKFLOW
        )
        is_sampled = sampled.decision is Decision.RECORD_AND_SAMPLE
        chosen = TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT
        return TraceFlags(chosen | TraceFlags.RANDOM_TRACE_ID)


def fail(span: Span, kind: str) -> None:
    """Note on a span that it went wrong, and how; not what was said of it, which is content."""
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(StatusCode.ERROR)


def note(span: Span, attributes: Attributes) -> None:
    """Add what is known now."""
    span.set_attributes(_known(attributes))


def nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _BEGINNING) // timedelta(microseconds=1) * 1000


def _known(attributes: Attributes) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _resource() -> Resource:
    """What the standard variables say of this process comes before what we say."""
    ours = {"service.name": _SCOPE, "service.version": metadata.version("orchestrator-bot")}
    return Resource.create(ours).merge(OTELResourceDetector().detect())
