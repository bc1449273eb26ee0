"""Whatever servers of tools and models send: an answer comes of it, or an error of ours."""

import asyncio
import json
from functools import reduce
from operator import getitem

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import ModelError
from orchestrator.model.base import Call, Purpose, Reply, Tool
from orchestrator.model.caching import tokens_of
from tests.integration.model.driven import model_for
from tests.messages_service import events_of

TYPES = st.sampled_from(
    ["text", "tool_use", "image", "document", "thinking", "web_search_tool_result"]
)
NAMES = st.sampled_from(["type", "text", "id", "name", "input", "content", "source", "citations"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | TYPES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=5)
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {
            "type": "text",
            "text": "So:",
            "citations": [{"type": "char_location", "cited_text": "a"}],
        },
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srv_1",
            "content": [{"type": "web_search_result", "title": "A", "url": "https://a.example"}],
        },
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "b"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "server_tool_use": {"web_search_requests": 1},
    },
}
EVENTS = list(events_of(ANSWER))


def places_in(value, path=()):
    """Every place in a value, the value itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inside in items:
        yield (*path, key)
        if isinstance(inside, dict | list):
            yield from places_in(inside, (*path, key))


def altered(whole, path, value):
    """A copy with something else in one place."""
    copy = json.loads(json.dumps(whole))
    *before, last = path
    reduce(getitem, before, copy)[last] = value
    return copy


def stream_of(events):
    lines = [f"event: {kind}\ndata: {json.dumps(event)}\n\n" for kind, event in events]
    headers = {"content-type": "text/event-stream"}
    return httpx2.Response(200, content="".join(lines).encode(), headers=headers)


def outcome(call, respond):
    """What a call of a model comes to that is answered by `respond`; errors of ours are fine."""

    async def answer(_):
        return respond()

    async def asked():
        model = model_for(answer, sleep=no_wait)
        try:
            return await model.complete(call)
        except ModelError as error:
            return error
        finally:
            await model.close()

    return asyncio.run(asked())


async def no_wait(_):
    """Wait no time at all."""


def call(**given):
    messages = given.pop("messages", ({"role": "user", "content": "Look."},))
    return Call(Purpose.SUBTASK, "claude-opus-5", "Be brief.", messages, timeout_s=5.0, **given)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(places_in(ANSWER))), JSON)
def test_an_answer_of_any_shape_is_an_answer_or_an_error_of_ours(path, value):
    body = altered(ANSWER, path, value)
    whole = outcome(call(), lambda: httpx2.Response(200, json=body))
    assert isinstance(whole, Reply | ModelError)


# The SDK warns of what it serializes that is not as its types say.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(places_in(EVENTS))), JSON)
def test_a_stream_of_any_shape_is_an_answer_or_an_error_of_ours(path, value):
    events = altered(EVENTS, path, value)
    kinds = [event["type"] for event in EVENTS]
    streamed = outcome(call(), lambda: stream_of(zip(kinds, events, strict=True)))
    assert isinstance(streamed, Reply | ModelError)


@settings(max_examples=150, deadline=None)
@given(OBJECTS, OBJECTS, OBJECTS)
def test_tools_schemas_and_calls_of_any_shape_can_be_asked_with(schema, wanted, given_input):
    spoken = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": given_input}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Done."}
    conversation = (
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [spoken]},
        {"role": "user", "content": [result]},
    )
    asked = call(messages=conversation, tools=(Tool("look", "Looks.", schema),), schema=wanted)
    reply = outcome(asked, lambda: httpx2.Response(200, json=ANSWER))
    assert isinstance(reply, Reply), reply


def test_the_deepest_json_has_a_size():
    deep = "a"
    for _ in range(50_000):
        deep = {"properties": [deep]}
    assert tokens_of(deep) > 50_000
