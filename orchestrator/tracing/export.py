"""Sending traces to a collector, in a thread of its own that nothing waits for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ssl import SSLContext
from typing import Any

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from requests.adapters import HTTPAdapter

from orchestrator.network import Network, network

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
    exporter = Told(collector())
    for name in ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal"):
        logger = logging.getLogger(name)
        logger.addHandler(_complaints)
        logger.propagate = False
    return BatchSpanProcessor(exporter)


def collector() -> SpanExporter:
    """Return the exporter to the collector that the variables name."""
    return OTLPSpanExporter(session=_session())


def _session() -> requests.Session:
    """Return a session that reaches collectors the way everything else is reached."""
    here = network()
    session = _Session(here)
    session.trust_env = False
    session.mount("https://", _Trusting(here.ssl_context))
    return session


class _Session(requests.Session):
    """Asks the network which proxy is for an address."""

    def __init__(self, here: Network) -> None:
        super().__init__()
        self._here = here

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request."""
        proxy = self._here.proxy_for(request.url or "")
        kwargs["proxies"] = {"all": proxy.secret_url} if proxy else {}
        return super().send(request, **kwargs)


class _Trusting(HTTPAdapter):
    """Trusts what the network trusts, where the OTEL_ variables name no certificate."""

    def __init__(self, context: SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections that go straight there."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connections through a proxy."""
        return super().proxy_manager_for(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Keep the library from adding the certificates that it brings."""
        super().cert_verify(conn, url, verify, cert)
        if verify is True:
            conn.ca_certs = conn.ca_cert_dir = None


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
