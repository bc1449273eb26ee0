import asyncio
from decimal import Decimal

import httpx2
import pytest

from orchestrator.errors import (
    AccountError,
    ConfigurationError,
    ModelEmpty,
    ModelOverloaded,
    ModelRefused,
    ModelTimedOut,
    ModelTruncated,
    ModelUnavailable,
)
from orchestrator.model.anthropic import AnthropicModel
from orchestrator.model.base import Effort, ServerTool, Tool, Usage
from tests.messages_service import (
    Stall,
    Stream,
    error,
    html,
    json_body,
    message,
    not_json,
    tool_use,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": ["integer", "null"], "minimum": 2}},
    "required": ["count"],
}
ASK = Tool("ask_person", "Asks the person.", {"type": "object", "properties": {}})
# What opus costs for the 10 tokens in and 5 out of every answer.
COST = Decimal("0.000175")
THINKING = {"type": "thinking", "thinking": "hm", "signature": "s"}


async def test_an_answer_has_text_usage_and_cost(service, model, make_call):
    service.answers(message("Hello"))

    reply = await model.complete(make_call())

    assert reply.text == "Hello"
    assert reply.model == "claude-opus-5-20261001"
    assert reply.stop_reason == "end_turn"
    assert reply.usage == Usage(input_tokens=10, output_tokens=5)
    assert reply.cost_usd == COST
    assert reply.message == {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}


async def test_every_kind_of_token_is_counted(service, model, make_call):
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
        "server_tool_use": {"web_search_requests": 6, "web_fetch_requests": 1},
    }
    service.answers(message("Hello", usage=usage))

    reply = await model.complete(make_call())

    assert reply.usage == Usage(1, 2, 3, 4, 5, web_searches=6, web_fetches=1)


async def test_the_cost_of_an_unknown_model_is_unknown(service, model, make_call):
    service.answers(message("Hello", model="llama3.3"))

    assert (await model.complete(make_call(model="llama3.3"))).cost_usd is None


async def test_what_workers_share_comes_first_and_is_cached(service, model, make_call):
    service.answers(message("Hello"))

    await model.complete(make_call(shared="The task."))

    mark = {"type": "ephemeral"}
    assert service.requests[0]["system"] == [
        {"type": "text", "text": "The task.", "cache_control": mark},
        {"type": "text", "text": "You are a writer.", "cache_control": mark},
    ]


async def test_tools_are_offered_and_calls_come_back(service, model, make_call):
    blocks = [THINKING, {"type": "text", "text": "One question."}, tool_use(question="Which?")]
    service.answers(message(*blocks, stop_reason="tool_use"))

    server_tools = (ServerTool("web_search", {"max_uses": 3}), ServerTool("code_execution"))
    reply = await model.complete(make_call(tools=(ASK,), server_tools=server_tools))

    assert service.requests[0]["tools"][1:] == [
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
        {"type": "code_execution_20260521", "name": "code_execution"},
    ]
    assert service.requests[0]["tools"][0]["name"] == "ask_person"
    assert reply.tool_calls[0].input == {"question": "Which?"}
    assert reply.message["content"] == blocks


async def test_a_reply_can_be_carried_on_in_a_transcript(service, model, make_call):
    service.answers(message(tool_use(), stop_reason="tool_use"), message("Thanks"))
    call = make_call(tools=(ASK,))
    reply = await model.complete(call)
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "blue"}

    await model.complete(call.following(reply.message, {"role": "user", "content": [result]}))

    assert service.requests[1]["messages"][1]["content"] == [tool_use()]


async def test_an_unknown_server_tool_is_a_mistake_in_the_configuration(model, make_call):
    with pytest.raises(ConfigurationError, match="time_travel"):
        await model.complete(make_call(server_tools=(ServerTool("time_travel"),)))


async def test_unknown_blocks_stay_in_the_transcript_and_are_ignored(service, model, make_call):
    hologram = {"type": "hologram", "voxels": [1, 2]}
    service.answers(message(hologram, "Hello"))

    reply = await model.complete(make_call())

    assert reply.text == "Hello"
    assert reply.message["content"][0] == hologram


async def test_a_streamed_unknown_block_stays_in_the_transcript(service, model, make_call):
    hologram = {"type": "hologram", "voxels": [1, 2]}
    service.answers(Stream(message(hologram, "Hello")))

    reply = await model.complete(make_call(), [].append)

    assert reply.text == "Hello"
    assert reply.message["content"][0] == hologram


async def test_text_on_both_sides_of_a_tool_is_two_paragraphs(service, model, make_call):
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    answer = message("I look.", search, "Found ", "it.")
    service.answers(answer, Stream(answer))
    pieces = []

    reply = await model.complete(make_call())
    streamed = await model.complete(make_call(), pieces.append)

    assert reply.text == "I look.\n\nFound it."
    assert streamed.text == "".join(pieces) == reply.text


# --- structured output -------------------------------------------------------------------


async def test_a_schema_goes_out_in_the_form_the_api_takes(service, model, make_call):
    service.answers(message('{"count": 3}'))

    reply = await model.complete(make_call(schema=SCHEMA, effort=Effort.LOW))

    config = service.requests[0]["output_config"]
    assert config["effort"] == "low"
    assert config["format"]["type"] == "json_schema"
    assert config["format"]["schema"]["additionalProperties"] is False
    assert [c["type"] for c in config["format"]["schema"]["properties"]["count"]["anyOf"]] == [
        "integer",
        "null",
    ]
    assert reply.data == {"count": 3}


async def test_a_server_that_refuses_output_config_is_asked_in_words(service, model, make_call):
    def answer(body):
        if "output_config" in body:
            return json_body({"detail": "output_config: extra inputs are not permitted"}, 422)
        return message('```json\n{"count": 3}\n```')

    service.answers(answer)
    call = make_call(schema=SCHEMA, effort=Effort.LOW)

    first = await model.complete(call)
    asked = len(service.requests)
    second = await model.complete(call)

    assert first.data == second.data == {"count": 3}
    assert '"minimum": 2' in service.requests[-1]["system"][-1]["text"]
    assert len(service.requests) == asked + 1


async def test_a_server_that_ignores_output_config_is_asked_in_words(service, model, make_call):
    def answer(body):
        in_words = any("JSON Schema" in block["text"] for block in body["system"])
        return message('Here: {"count": 3}' if in_words else "I count three.")

    service.answers(answer)
    call = make_call(schema=SCHEMA)

    first = await model.complete(call)
    second = await model.complete(call)

    assert first.data == second.data == {"count": 3}
    assert first.usage.total_tokens == 30
    assert second.usage.total_tokens == 15
    assert len(service.requests) == 3


async def test_json_in_a_code_fence_is_taken_as_it_is(service, model, make_call):
    service.answers(message('I count:\n\n```json\n{"count": 3}\n```\n\nThat is all.'))

    reply = await model.complete(make_call(schema=SCHEMA))

    assert reply.data == {"count": 3}
    assert len(service.requests) == 1


async def test_text_that_never_is_json_comes_back_without_data(service, model, make_call):
    service.answers(message("I count three."))

    reply = await model.complete(make_call(schema=SCHEMA))

    assert reply.data is None
    assert reply.text == "I count three."


async def test_json_with_not_a_number_is_not_json(service, model, make_call):
    service.answers(message('{"count": NaN}'))

    assert (await model.complete(make_call(schema=SCHEMA))).data is None


async def test_a_schema_the_api_cannot_take_is_told_in_words(service, model, make_call):
    service.answers(message('{"count": 3}'))

    reply = await model.complete(make_call(schema={"properties": {"count": {}}}))

    assert "output_config" not in service.requests[0]
    assert "JSON Schema" in service.requests[0]["system"][-1]["text"]
    assert reply.data == {"count": 3}


async def test_a_model_without_effort_is_asked_without(service, model, make_call):
    def answer(body):
        if "effort" in body.get("output_config", {}):
            return error(400, "invalid_request_error", "effort is not supported by this model")
        return message('{"count": 3}')

    service.answers(answer)

    reply = await model.complete(make_call(schema=SCHEMA, effort=Effort.HIGH))

    assert reply.data == {"count": 3}
    assert "format" in service.requests[-1]["output_config"]


async def test_a_server_without_server_tools_is_asked_without_them(service, model, make_call):
    def answer(body):
        return error(400, "invalid", "unknown tool type") if "tools" in body else message("Hello")

    service.answers(answer)

    await model.complete(make_call(server_tools=(ServerTool("web_search"),)))

    assert "cannot search the web" in service.requests[-1]["system"][-1]["text"]


async def test_thinking_of_another_model_is_left_out_when_refused(service, model, make_call):
    def answer(body):
        if body["messages"][1]["content"][0]["type"] == "thinking":
            return error(400, "invalid_request_error", "Invalid `signature` in `thinking` block")
        return message("Hello")

    service.answers(answer)
    thought = {"role": "assistant", "content": [THINKING, {"type": "text", "text": "Hm."}]}
    call = make_call().following(thought, {"role": "user", "content": "Go on."})

    assert (await model.complete(call)).text == "Hello"


async def test_a_temperature_goes_to_other_servers_only(service, model, make_call):
    service.answers(message("Hello"))

    await model.complete(make_call(temperature=0.7))

    assert service.requests[0]["temperature"] == 0.7
    assert service.headers[0]["anthropic-version"] == "2023-06-01"


async def test_the_default_endpoint_is_never_sent_a_temperature(make_call):
    seen = []

    def answer(request):
        seen.append(request)
        return httpx2.Response(200, json=message("Hello"))

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    model = AnthropicModel("key", http_client=client)
    await model.complete(make_call(temperature=0.7))
    await model.close()

    assert seen[0].url.host == "api.anthropic.com"
    assert b"temperature" not in seen[0].content


# --- stop reasons ------------------------------------------------------------------------


async def test_a_pause_goes_on_and_everything_is_one_message(service, model, make_call):
    paused = message(
        "First.",
        stop_reason="pause_turn",
        container={"id": "c1", "expires_at": "2026-11-01T12:00:00Z"},
    )
    service.answers(paused, message("Second."))

    reply = await model.complete(make_call())

    assert reply.usage.total_tokens == 30
    assert reply.cost_usd == 2 * COST
    assert [b["text"] for b in reply.message["content"]] == ["First.", "Second."]
    assert service.requests[1]["messages"][-1]["role"] == "assistant"
    assert service.requests[1]["container"] == "c1"


async def test_a_call_goes_on_in_the_container_of_the_one_before(service, model, make_call):
    used = message(
        tool_use(),
        stop_reason="tool_use",
        container={"id": "c1", "expires_at": "2026-11-01T12:00:00Z"},
    )
    service.answers(used, message("Thanks"))

    first = await model.complete(make_call(tools=(ASK,)))
    second = await model.complete(make_call(container=first.container))

    assert first.container == second.container == "c1"
    assert service.requests[1]["container"] == "c1"


@pytest.mark.parametrize(
    "gone",
    [
        error(404, "not_found_error", "container: c1"),
        error(400, "invalid_request_error", "Container c1 has expired."),
    ],
)
async def test_a_container_that_is_gone_is_gone_on_without(service, model, make_call, gone):
    service.answers(gone, message("Hello"))

    reply = await model.complete(make_call(container="c1"))

    assert reply.container is None
    assert "container" not in service.requests[1]


async def test_endless_pauses_end(service, model, make_call):
    service.answers(message("Still on it.", stop_reason="pause_turn"))

    with pytest.raises(ModelUnavailable, match="paused") as caught:
        await model.complete(make_call())

    assert len(service.requests) == 6
    assert caught.value.usage.total_tokens == 90


async def test_a_refusal_says_why(service, model, make_call):
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    service.answers(message(stop_reason="refusal", stop_details=details))

    with pytest.raises(ModelRefused, match="attacks on computers") as caught:
        await model.complete(make_call())

    assert caught.value.cost_usd == COST


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
async def test_a_cut_answer_is_truncated(service, model, make_call, reason):
    service.answers(message("Once upon", stop_reason=reason))

    with pytest.raises(ModelTruncated) as caught:
        await model.complete(make_call())

    assert caught.value.usage.output_tokens == 5


@pytest.mark.parametrize("blocks", [[], [""], [" \n"], [THINKING]])
async def test_an_answer_without_text_or_tool_calls_is_empty(service, model, make_call, blocks):
    service.answers(message(*blocks))

    with pytest.raises(ModelEmpty):
        await model.complete(make_call())


# --- failures of the service -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(429, "rate_limit_error"), ModelOverloaded),
        (error(429, "rate_limit_error", code="ramp_limit_exceeded"), ModelOverloaded),
        (error(529, "overloaded_error"), ModelOverloaded),
        (error(500), ModelUnavailable),
        (error(504, "timeout_error"), ModelUnavailable),
        (error(408, "timeout_error"), ModelUnavailable),
        (html(502), ModelUnavailable),
        (html(), ModelUnavailable),
        (not_json(), ModelUnavailable),
        (json_body([]), ModelUnavailable),
        (json_body({}), ModelUnavailable),
        (json_body({"content": ["text"], "stop_reason": "end_turn"}), ModelUnavailable),
        (message("Hello", stop_reason=None), ModelUnavailable),
        (message({"type": "tool_use", "id": "t", "name": None}), ModelUnavailable),
    ],
)
async def test_what_may_pass_is_tried_four_times(service, model, make_call, waits, answer, kind):
    service.answers(answer)

    with pytest.raises(kind) as caught:
        await model.complete(make_call())

    assert len(service.requests) == 4
    assert len(waits) == 3
    assert "sk-secret" not in str(caught.value)


async def test_what_may_pass_may_pass(service, model, make_call):
    service.answers(error(529, "overloaded_error"), html(), not_json(), message("Hello"))

    assert (await model.complete(make_call())).text == "Hello"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error(401, "authentication_error"), "ANTHROPIC_API_KEY"),
        (error(403, "permission_error"), "may not use the model claude-opus-5"),
        (error(404, "not_found_error", "model: claude-opus-5"), "not available"),
        (html(404), "ANTHROPIC_BASE_URL"),
        (error(402, "billing_error"), "credit and billing"),
        (error(400, "invalid_request_error", "Your credit balance is too low"), "credit"),
        (error(429, "rate_limit_error", code="enforced_spend_limit_reached"), "spend limit"),
        (error(429, "rate_limit_error", code="contract_spend_limit_reached"), "spend limit"),
        (error(400, "invalid_request_error", code="organization_on_hold"), "disabled"),
    ],
)
async def test_account_trouble_is_told_at_once(service, model, make_call, waits, answer, sentence):
    service.answers(answer)

    with pytest.raises(AccountError, match=sentence) as caught:
        await model.complete(make_call())

    assert len(service.requests) == 1
    assert waits == []
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "invalid_request_error"), ModelUnavailable),
        (error(404, "not_found_error", "container: c1"), ModelUnavailable),
        (error(413, "request_too_large"), ModelTruncated),
        (error(400, "invalid_request_error", "prompt is too long: 9 > 8"), ModelTruncated),
    ],
)
async def test_a_wrong_request_is_not_repeated(service, model, make_call, answer, kind):
    service.answers(answer)

    with pytest.raises(kind) as caught:
        await model.complete(make_call())

    assert len(service.requests) == 1
    assert "sk-secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_unavailable(make_call, waits):
    async def sleep(seconds):
        waits.append(seconds)

    # Nothing listens on the port for discarding.
    model = AnthropicModel("key", "http://127.0.0.1:9", sleep=sleep)

    with pytest.raises(ModelUnavailable, match="could not be reached"):
        await model.complete(make_call())

    await model.close()
    assert len(waits) == 3


async def test_a_closed_model_answers_no_more(service, model, make_call):
    service.answers(message("Hello"))
    await model.close()

    with pytest.raises(ModelUnavailable):
        await model.complete(make_call())


async def test_no_answer_in_time_is_timed_out(service, model, make_call):
    service.answers(Stall())

    with pytest.raises(ModelTimedOut, match=r"0\.2 seconds"):
        await model.complete(make_call(timeout_s=0.2))


async def test_cancellation_passes_through(service, model, make_call):
    service.answers(Stall())
    task = asyncio.create_task(model.complete(make_call()))
    await service.arrived.wait()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


# --- streams -----------------------------------------------------------------------------


async def test_streamed_text_comes_in_pieces(service, model, make_call):
    service.answers(Stream(message("Once upon a time", tool_use(question="Which?"))))
    pieces = []

    reply = await model.complete(make_call(), pieces.append)

    assert len(pieces) > 3
    assert "".join(pieces) == reply.text == "Once upon a time"
    assert reply.tool_calls[0].input == {"question": "Which?"}
    assert reply.message["content"][1] == tool_use(question="Which?")
    assert reply.usage == Usage(input_tokens=10, output_tokens=5)
    assert service.requests[0]["stream"] is True


@pytest.mark.parametrize("then", ["end", "error", "abort", "junk"])
async def test_a_stream_that_broke_before_any_text_is_tried_again(service, model, make_call, then):
    broken = Stream(message("Once upon a time"), cut=2, then=then)
    service.answers(broken, Stream(message("Hello")))
    pieces = []

    reply = await model.complete(make_call(), pieces.append)

    assert "".join(pieces) == reply.text == "Hello"
    assert reply.usage.input_tokens == 20


@pytest.mark.parametrize(
    ("then", "kind"),
    [
        ("end", ModelUnavailable),
        ("error", ModelOverloaded),
        ("abort", ModelUnavailable),
        ("junk", ModelUnavailable),
    ],
)
async def test_a_stream_that_broke_after_text_is_not_tried_again(
    service, model, make_call, then, kind
):
    service.answers(Stream(message("Once upon a time"), cut=6, then=then))
    pieces = []

    with pytest.raises(kind) as caught:
        await model.complete(make_call(), pieces.append)

    assert "".join(pieces) == "Once upon a "
    assert len(service.requests) == 1
    # What was written counts, though no usage came for it.
    assert caught.value.usage == Usage(input_tokens=10, output_tokens=3)


async def test_a_stalled_stream_is_given_up_and_tried_again(service, make_model, make_call):
    model = make_model(stall_s=0.1)
    stalled = Stream(message("Once upon a time"), cut=2, then="stall")
    service.answers(stalled, Stream(message("Hello")))

    assert (await model.complete(make_call(), [].append)).text == "Hello"


async def test_a_stall_after_text_is_told(service, make_model, make_call):
    model = make_model(stall_s=0.1)
    service.answers(Stream(message("Once upon a time"), cut=6, then="stall"))

    with pytest.raises(ModelUnavailable, match="stopped answering"):
        await model.complete(make_call(), [].append)


async def test_a_stream_beyond_its_time_is_timed_out(service, model, make_call):
    service.answers(Stream(message("Once upon a time"), cut=6, then="stall"))

    with pytest.raises(ModelTimedOut):
        await model.complete(make_call(timeout_s=0.3), [].append)


async def test_a_server_that_answers_at_once_is_understood(service, model, make_call):
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    service.answers(json_body(message("Hello", search, "again")))
    pieces = []

    reply = await model.complete(make_call(), pieces.append)

    assert reply.text == "".join(pieces) == "Hello\n\nagain"
    assert reply.usage == Usage(input_tokens=10, output_tokens=5)
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", [html(), not_json(), json_body(None), json_body("Hello")])
async def test_a_stream_that_is_none_is_unavailable(service, model, make_call, body):
    service.answers(body)

    with pytest.raises(ModelUnavailable):
        await model.complete(make_call(), [].append)


async def test_a_streamed_refusal_is_a_refusal(service, model, make_call):
    service.answers(Stream(message("Once upon", stop_reason="refusal")))

    with pytest.raises(ModelRefused):
        await model.complete(make_call(), [].append)


async def test_an_error_of_the_listener_is_not_taken_for_one_of_the_service(
    service, model, make_call
):
    def listen(piece):
        raise LookupError(piece)

    service.answers(Stream(message("Once upon a time")))

    with pytest.raises(LookupError, match="Onc"):
        await model.complete(make_call(), listen)
