"""What OpenTelemetry is told of runs, whichever processes work on them."""

import asyncio
import json
import logging
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
from orchestrator.store.clock import now
from orchestrator.store.tables import RunStatus, SubtaskStatus
from orchestrator.tools.base import Offer, ToolResult
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.toolbox import Kit, Toolbox
from orchestrator.tracing import ids, names
from orchestrator.tracing.base import Tracing, of_environment
from orchestrator.tracing.export import Told
from orchestrator.tracing.spans import Spans

LOOK = Offer(Tool("look", "Looks.", {"type": "object"}), "look", "look")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
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
# The names of the spans of a run of two subtasks.
OF_A_RUN = [
    "invoke_workflow",
    *("plan orchestrator", "chat claude-opus-5-5"),
    *("subtask", "invoke_agent generalist", "chat claude-sonnet-5-5") * 2,
    *("invoke_agent synthesizer", "chat claude-opus-5-5"),
]
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


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_processes_that_share_a_run_write_one_trace_between_them(settings, model):
    model.answering = lambda call: answers(call, [(), (), (), (1, 2, 3)])
    processes = Processes(settings.model_copy(update={"concurrency": 1}), model)
    gate = model.gate(Purpose.SUBTASK, 1)
    async with processes.started() as person, processes.started():
        run_id = await person.ask(auto_approve=True)
        await gate.reached()

        async def others_are_done():
            subtasks = await person.subtasks(run_id)
            return [subtasks[n].status for n in (2, 3)] == [SubtaskStatus.SUCCEEDED] * 2

        await eventually(others_are_done)
        gate.open()
        await person.answer_of(run_id)

    assert all(exporter.get_finished_spans() for exporter in processes.exporters)
    [(_, children)] = tree(processes.spans)
    assert sorted(children) == [
        ANSWERED,
        PLANNED,
        *((f"subtask {n}", [attempt("generalist", n, CHAT)]) for n in (1, 2, 3, 4)),
    ]
    check_times(processes.spans)


@on_sqlite
async def test_spans_say_what_the_conventions_ask_for_and_how_it_went(processes, model):
    model.enqueue(ModelOverloaded(f"Too busy for {WEATHER}."), purpose=Purpose.SUBTASK, subtask=1)
    uses_tool = reply("Let me see.", tool_calls=[ToolCall("call_1", "look", {})])
    model.enqueue(uses_tool, "It is sunny.", purpose=Purpose.SUBTASK, subtask=1)
    async with processes.started() as person:
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)
        run = await person.run(run_id)

    spans = processes.spans
    [root] = [span for span in spans if span.parent is None]
    assert root.attributes == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.conversation.id": run_id,
        "orchestrator.run.name": run.name,
        "orchestrator.run.status": "completed",
        "orchestrator.run.round": 0,
        "orchestrator.run.gaps": 0,
        "orchestrator.cost_usd": float(run.cost_usd),
    }
    failed, made, _ = [s for s in spans if s.name == "invoke_agent generalist"]
    assert (failed.status.status_code, made.status.status_code) == (
        StatusCode.ERROR,
        StatusCode.UNSET,
    )
    assert failed.attributes["error.type"] == "errored"
    assert failed.attributes["orchestrator.attempt.number"] == 1
    assert made.attributes["gen_ai.agent.name"] == "generalist"
    [refused, *_] = [s for s in spans if s.parent and s.parent.span_id == failed.context.span_id]
    assert refused.attributes["error.type"] == "ModelOverloaded"
    [chat, tool, _] = [s for s in spans if s.parent and s.parent.span_id == made.context.span_id]
    assert (chat.kind, chat.name) == (SpanKind.CLIENT, AGAIN[0])
    assert chat.attributes["gen_ai.provider.name"] == "offline"
    assert chat.attributes["gen_ai.response.model"] == "scripted"
    assert chat.attributes["gen_ai.response.finish_reasons"] == ("tool_use",)
    assert chat.attributes["gen_ai.usage.input_tokens"] == 10
    assert chat.attributes["gen_ai.usage.output_tokens"] == len("Let me see.") // 4
    assert tool.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
    }


@on_sqlite
@pytest.mark.parametrize("with_contents", [False, True])
async def test_what_was_said_is_written_only_where_that_is_switched_on(
    processes, model, with_contents
):
    uses_tool = reply("Let me see.", tool_calls=[ToolCall("call_1", "look", {"key": SECRET})])
    model.enqueue(uses_tool, "It is sunny.", purpose=Purpose.SUBTASK, subtask=1)
    async with processes.started(with_contents=with_contents) as person:
        await person.answer_of(await person.ask_and_approve("Tell of the weather."))

    spans = processes.spans
    written = "\n".join(span.to_json() for span in spans)
    said = ("Tell of the weather.", "Part 1", "It is sunny.", "The answer.", WEATHER, "the sky")
    if not with_contents:
        assert [words for words in (*said[:-1], SECRET) if words in written] == []
        return
    assert SECRET not in written
    [root] = [span for span in spans if span.parent is None]
    assert json.loads(root.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Tell of the weather."}]}
    ]
    assert "The answer." in root.attributes["gen_ai.output.messages"]
    [tool] = [span for span in spans if span.name == "execute_tool look"]
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"key": "[secret]"}
    assert tool.attributes["gen_ai.tool.call.result"] == WEATHER
    last = max(
        (s for s in spans if s.parent and s.parent.span_id == tool.parent.span_id),
        key=lambda span: span.start_time,
    )
    asked = json.loads(last.attributes["gen_ai.input.messages"])
    assert [(message["role"], message["parts"][-1]["type"]) for message in asked[-2:]] == [
        ("assistant", "tool_call"),
        ("tool", "tool_call_response"),
    ]
    assert json.loads(last.attributes["gen_ai.output.messages"])[0]["finish_reason"] == "end_turn"
    assert json.loads(last.attributes["gen_ai.system_instructions"])


@on_sqlite
async def test_a_redo_after_the_answer_is_a_second_tree_of_the_same_trace(processes):
    async with processes.started() as person:
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)
        await person.do(Redo(run_id, 2, "Shorter."))

        async def answered_again():
            return (await person.run(run_id)).answer_revision == 2

        await eventually(answered_again)

    spans = processes.spans
    assert {span.context.trace_id for span in spans} == {ids.of_trace(run_id)}
    first, second = tree(spans)
    assert [name for name, _ in first[1]] == [PLANNED[0], "subtask 1", "subtask 2", ANSWERED[0]]
    assert second == (
        "invoke_workflow",
        [("subtask 2", [attempt("generalist", 2, CHAT)]), ANSWERED],
    )
    check_times(spans)


@on_sqlite
async def test_who_stops_a_run_writes_what_was_broken_off(processes, model):
    gate = model.gate(Purpose.SUBTASK, 1)
    async with processes.started() as worker:
        run_id = await worker.ask_and_approve()
        await gate.reached()
        async with processes.started(works=False) as person:
            await person.do(Stop(run_id))
        await worker.orchestrator.engine.sweep()

        async def broken_off():
            return CHAT[0] in [span.name for span in processes.exporters[0].get_finished_spans()]

        await eventually(broken_off)

    [(root, children)] = tree(processes.spans)
    assert children == [PLANNED, ("subtask 1", [attempt("generalist", 1, CHAT)])]
    by_stopper = {told(span) for span in processes.exporters[1].get_finished_spans()}
    assert by_stopper == {root, "subtask 1", "invoke_agent generalist 1"}
    [cancelled] = [s for s in processes.spans if s.name == "invoke_agent generalist"]
    assert cancelled.attributes[names.ATTEMPT_OUTCOME] == "cancelled"


@on_sqlite
async def test_an_attempt_whose_process_died_has_its_span_from_the_rows(processes, model):
    gate = model.gate(Purpose.SUBTASK, 1)
    async with processes.started() as person:
        run_id = await person.ask_and_approve()
        await gate.reached()
        die = partial(workers.interrupt, but_worker="another")
        await person.orchestrator.database.write(die)
        await person.orchestrator.engine.sweep()
        gate.open()
        await person.answer_of(run_id)

    [(_, children)] = tree(processes.spans)
    [subtask] = [below for name, below in children if name == "subtask 1"]
    assert [name for name, _ in subtask] == ["invoke_agent generalist 1"] * 2
    outcomes = [
        span.attributes[names.ATTEMPT_OUTCOME]
        for span in sorted(processes.spans, key=lambda span: span.start_time)
        if told(span) == "invoke_agent generalist 1"
    ]
    assert outcomes == ["interrupted", "succeeded"]


@on_sqlite
@pytest.mark.parametrize("end", ["rejected", "expired"])
async def test_a_plan_that_nobody_wanted_ends_the_trace(processes, end):
    async with processes.started() as person:
        run_id = await person.ask()
        await person.until(run_id, RunStatus.PROPOSED)
        if end == "rejected":
            await person.do(Reject(run_id, 1))
        else:
            assert await person.orchestrator.expire(now() + timedelta(seconds=1)) == 1

    assert tree(processes.spans) == [("invoke_workflow", [PLANNED])]
    [root] = [span for span in processes.spans if span.parent is None]
    assert root.attributes[names.RUN_STATUS] == end


@on_sqlite
async def test_a_sample_has_whole_traces(processes, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    async with AsyncExitStack() as stack:
        person = await stack.enter_async_context(processes.started())
        run_ids = [await person.ask(auto_approve=True) for _ in range(12)]
        await asyncio.gather(*(person.answer_of(run_id) for run_id in run_ids))

    kept = {run_id for run_id in run_ids if ids.of_trace(run_id) % 2**64 < 2**63}
    traces = {}
    for span in processes.spans:
        traces.setdefault(span.context.trace_id, []).append(span)
    assert traces.keys() == {ids.of_trace(run_id) for run_id in kept}
    assert all(len(spans) == len(OF_A_RUN) for spans in traces.values())


# --- where spans are sent -------------------------------------------------------------------


class Collector:
    """A server that takes spans by OTLP over HTTP, or refuses them."""

    def __init__(self):
        self.taken = []
        self.status = 200

    def take(self, path, body):
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            about = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.taken += [(path, about["service.name"], span.name) for span in scope.spans]


@pytest.fixture
def collector():
    taking = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if taking.status == 200:
                taking.take(self.path, body)
            self.send_response(taking.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        taking.url = f"http://127.0.0.1:{server.server_port}"
        yield taking
        server.shutdown()
        thread.join()


@pytest.fixture
def log_lines():
    """What libraries write to the log."""

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    lines, handler = [], Kept(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


async def run_once(settings, model, **options):
    async with Orchestrator.open(settings, model, **options) as opened:
        person = Person(opened)
        return await person.answer_of(await person.ask(auto_approve=True))


@on_sqlite
async def test_a_collector_gets_everything_by_the_end_of_the_process(
    settings, model, collector, monkeypatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    await run_once(settings, model)
    assert {(path, service) for path, service, _ in collector.taken} == {("/v1/traces", "ours")}
    assert sorted(name for _, _, name in collector.taken) == sorted(OF_A_RUN)


@on_sqlite
async def test_a_collector_that_is_away_is_told_of_in_one_line_and_disturbs_nothing(
    settings, model, collector, monkeypatch, log_lines
):
    collector.status = 400
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    with structlog.testing.capture_logs() as logged:
        assert await run_once(settings, model) == "The answer."
    [line] = [line for line in logged if line["log_level"] != "info"]
    assert line["event"] == "traces_not_sent"
    assert "400" in line["reason"]
    assert log_lines == []


@on_sqlite
async def test_an_address_that_is_none_is_told_of_and_disturbs_nothing(
    settings, model, monkeypatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")
    with structlog.testing.capture_logs() as logged:
        assert await run_once(settings, model) == "The answer."
    [line] = [line for line in logged if line["log_level"] != "info"]
    assert line["event"] == "traces_not_sent"
    assert "localhost:4318" in line["reason"]


class Stuck(SpanExporter):
    """Never comes to an end by itself."""

    def __init__(self):
        self.let_go = threading.Event()

    def export(self, spans):
        self.let_go.wait(60)
        return SpanExportResult.SUCCESS


@on_sqlite
async def test_an_exporter_that_hangs_holds_up_no_run_and_the_end_only_for_a_while(settings, model):
    stuck = Stuck()
    processor = BatchSpanProcessor(stuck, max_queue_size=4, max_export_batch_size=2)
    tracing = Spans(processor, "offline", [], send_s=0.1)
    with structlog.testing.capture_logs() as logged:
        assert await run_once(settings, model, tracing=tracing) == "The answer."
    assert not stuck.let_go.is_set()
    stuck.let_go.set()
    assert [line["event"] for line in logged if line["log_level"] != "info"] == [
        "last_traces_not_sent"
    ]
    processor.shutdown()


class Moody(SpanExporter):
    """Does as it is told, one after the other."""

    def __init__(self, *results):
        self.results = list(results)

    def export(self, spans):
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def test_it_is_said_when_a_collector_is_back_and_what_is_lost():
    failed, fine = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    told = Told(Moody(fine, failed, failed, fine, fine, ValueError("broken")))
    with structlog.testing.capture_logs() as logged:
        for _ in range(6):
            told.export(["a span", "another"])
    assert [(line["event"], line.get("lost")) for line in logged] == [
        ("traces_not_sent", None),
        ("traces_sent_again", 4),
        ("traces_not_sent", None),
    ]


# --- what asks for traces -------------------------------------------------------------------

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "is_traced"),
    [
        ({}, False),
        ({ENDPOINT: "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
async def test_the_standard_variables_say_whether_there_are_traces(
    monkeypatch, variables, is_traced
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tracing = of_environment("offline", [])
    await tracing.close()
    assert isinstance(tracing, Spans) is is_traced


@pytest.mark.parametrize(
    ("value", "is_on"),
    [
        ("", False),
        ("true", True),
        ("SPAN_ONLY", True),
        ("NO_CONTENT", False),
        ("EVENT_ONLY", False),
    ],
)
async def test_the_standard_variable_says_whether_there_are_contents(monkeypatch, value, is_on):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    tracing = of_environment("offline", [])
    await tracing.close()
    assert tracing.with_contents is is_on


async def test_without_the_extra_there_are_no_traces_and_it_is_said(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "orchestrator.tracing.export", None)
    with structlog.testing.capture_logs() as logged:
        assert type(of_environment("offline", [])) is Tracing
    assert [line["event"] for line in logged] == ["traces_need_an_extra"]


def test_a_variable_that_means_nothing_is_a_wrong_set_up(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(ConfigurationError, match="max_queue_size"):
        of_environment("offline", [])
