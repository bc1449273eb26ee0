"""Sending traces to a collector, in a thread of its own that nothing waits for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

log = structlog.get_logger(__name__)


class _Complaints(logging.Handler):
    """Hears what the library says of every batch that a collector does not take, in place of the
    log; we tell of it once."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


_complaints = _Complaints()


def to_collector() -> SpanProcessor:
    """Sends in batches, by OTLP over HTTP, as the standard variables say.

    What cannot be sent within its time is dropped, and so is what there is no room for. Raises
    ValueError where a variable has a value that means nothing.
    """
    exporter = Told(OTLPSpanExporter())
    for name in ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal"):
        logger = logging.getLogger(name)
        logger.addHandler(_complaints)
        logger.propagate = False
    return BatchSpanProcessor(exporter)


class Told(SpanExporter):
    """An exporter of which one line says that it fails, and one that it works again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; they are lost where that fails."""
        try:
            result, reason = self._exporter.export(spans), _complaints.last
        except Exception as error:  # noqa: BLE001 (whatever it is, it is about this batch alone)
            result, reason = SpanExportResult.FAILURE, repr(error)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.info("traces_sent_again", lost=self._lost)
            self._lost = 0
            return result
        if not self._lost:
            log.warning("traces_not_sent", reason=reason)
        self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Send nothing any more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)
