"""A model with a span for each call."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind

from orchestrator.errors import ModelError
from orchestrator.model.base import Call, Model, OnText, Reply, Usage
from orchestrator.tracing import contents, names
from orchestrator.tracing.writer import Attributes, Writer, note


class Traced:
    """A model whose calls are traced. `provider` says who answers them; `with_contents` writes
    down what was said, too."""

    def __init__(self, model: Model, writer: Writer, provider: str, *, with_contents: bool) -> None:
        self._model = model
        self._writer = writer
        self._provider = provider
        self._with_contents = with_contents

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` as the model does."""
        asked: Attributes = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: self._provider,
            names.REQUEST_MODEL: call.model,
            names.REQUEST_MAX_TOKENS: call.max_tokens,
            names.REQUEST_TEMPERATURE: call.temperature,
            names.OUTPUT_TYPE: "json" if call.schema is not None else None,
        }
        with self._writer.span(f"{names.CHAT} {call.model}", asked, SpanKind.CLIENT) as span:
            if self._with_contents and span.is_recording():
                note(span, _said(call))
            try:
                reply = await self._model.complete(call, on_text)
            except ModelError as error:
                note(span, _used(error.usage))
                raise
            self._note_reply(span, reply)
            return reply

    def _note_reply(self, span: Span, reply: Reply) -> None:
        came: Attributes = {
            names.RESPONSE_MODEL: reply.model,
            names.FINISH_REASONS: [reply.stop_reason],
            names.COST_USD: None if reply.cost_usd is None else float(reply.cost_usd),
        }
        note(span, {**came, **_used(reply.usage)})
        if self._with_contents and span.is_recording():
            note(span, {names.OUTPUT_MESSAGES: contents.answered(reply)})

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def _said(call: Call) -> Attributes:
    return {
        names.SYSTEM_INSTRUCTIONS: contents.instructions(call),
        names.INPUT_MESSAGES: contents.asked(call),
    }


def _used(usage: Usage) -> Attributes:
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        names.INPUT_TOKENS: usage.input_tokens + usage.cache_read_tokens + written,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens or None,
        names.CACHE_WRITE_TOKENS: written or None,
    }
