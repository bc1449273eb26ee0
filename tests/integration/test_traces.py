"""What OpenTelemetry is told of runs, whichever processes work on them."""

import asyncio
import json
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from person import Person, answers, eventually

from orchestrator.commands import Redo, Reject, Stop
from orchestrator.errors import ConfigurationError, ModelOverloaded
from orchestrator.model.base import Purpose, Tool, ToolCall
from orchestrator.model.scripted import ScriptedModel, reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.store import workers
from orchestrator.store.tables import RunStatus, now
from orchestrator.tools.base import Offer, ToolResult
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.toolbox import Kit, Toolbox
from orchestrator.tracing import ids, names
from orchestrator.tracing.base import Tracing, of_environment
from orchestrator.tracing.export import Told
from orchestrator.tracing.spans import Spans

LOOK = Offer(Tool("look", "Looks.", {"type": "object"}), "look", "look")
WEATHER = "Sunny in Atlantis"
SECRET = "sk-ant-api03-notforothers"


class Window:
    """A tool that says how the weather is."""

    async def call(self, name, arguments, context):
        return ToolResult(WEATHER)


class WindowTools(Toolbox):
    async def kit(self, role, wanted=()):
        return Kit(_held={"look": (LOOK, Window())})


class Processes:
    """Processes that work on one database, one after the other or together, and their spans."""

    def __init__(self, settings, model):
        self._settings = settings
        self.model = model
        self.exporters = []

    @asynccontextmanager
    async def started(self, *, with_contents=False, **options):
        exporter = InMemorySpanExporter()
        self.exporters.append(exporter)
        spans = Spans(
            SimpleSpanProcessor(exporter), "offline", ["generalist"], with_contents=with_contents
        )
        toolbox = WindowTools(ToolsConfig())
        opened = Orchestrator.open(
            self._settings, self.model, toolbox=toolbox, tracing=spans, **options
        )
        async with opened as orchestrator:
            yield Person(orchestrator)

    @property
    def spans(self):
        return [span for exporter in self.exporters for span in exporter.get_finished_spans()]


@pytest.fixture
def model():
    return ScriptedModel(answers)


@pytest.fixture
def processes(settings, model):
    return Processes(settings, model)


@pytest.fixture
def on_sqlite(database_url):
    if "sqlite" not in database_url:
        pytest.skip("it is the same on each")


def told(span):
    """What a test says of a span: its name, and of which subtask it is."""
    number = span.attributes.get(names.SUBTASK_NUMBER)
    return span.name if number is None else f"{span.name} {number}"


def tree(spans):
    """The spans as they are within each other, in the order in which they began."""
    children = {}
    for span in sorted(spans, key=lambda span: span.start_time):
        children.setdefault(span.parent and span.parent.span_id, []).append(span)

    def below(id_):
        return [(told(s), below(s.context.span_id)) for s in children.pop(id_, [])]

    grown = below(None)
    assert children == {}, "spans whose parents nobody wrote"
    return grown


def check_times(spans):
    by_id = {span.context.span_id: span for span in spans}
    assert len(by_id) == len(spans), "a span was written twice"
    for span in spans:
        assert span.start_time <= span.end_time
        if span.parent is not None:
            parent = by_id[span.parent.span_id]
            within = parent.start_time, span.start_time, span.end_time, parent.end_time
            assert list(within) == sorted(within), (told(parent), told(span))


def attempt(agent, number, *calls):
    return (f"invoke_agent {agent} {number}", list(calls))


CHAT = ("chat claude-sonnet-5-5", [])
AGAIN = ("chat claude-sonnet-5", [])
OWN_CHAT = ("chat claude-opus-5-5", [])
PLANNED = ("plan orchestrator", [OWN_CHAT])
ANSWERED = ("invoke_agent synthesizer", [OWN_CHAT])


async def test_a_run_of_two_processes_is_one_trace_with_everything_in_its_place(processes, model):
    model.enqueue(ModelOverloaded("Too busy."), purpose=Purpose.SUBTASK, subtask=1)
    uses_tool = reply("Let me see.", tool_calls=[ToolCall("call_1", "look", {"at": "the sky"})])
    model.enqueue(uses_tool, "It is sunny.", purpose=Purpose.SUBTASK, subtask=1)
    gate = model.gate(Purpose.SUBTASK, 2)
    async with processes.started() as person:
        run_id = await person.ask_and_approve()
        await gate.reached()
    first = len(processes.spans)
    gate.open()
    async with processes.started() as person:
        await person.answer_of(run_id)

    spans = processes.spans
    assert 0 < first < len(spans)
    assert {span.context.trace_id for span in spans} == {ids.of_trace(run_id)}
    # What the first process was at when it ended was handed back, and is made again.
    cut_off = [s for s in spans if s.attributes.get(names.ERROR_TYPE) == "CancelledError"]
    assert [told(span) for span in cut_off] == [CHAT[0]]
    spans = [span for span in spans if span not in cut_off]
    assert tree(spans) == [
        (
            "invoke_workflow",
            [
                PLANNED,
                (
                    "subtask 1",
                    [
                        attempt("generalist", 1, CHAT),
                        attempt("generalist", 1, AGAIN, ("execute_tool look", []), AGAIN),
                    ],
                ),
                ("subtask 2", [attempt("generalist", 2, CHAT)]),
                ANSWERED,
            ],
        )
    ]
    check_times(spans)
