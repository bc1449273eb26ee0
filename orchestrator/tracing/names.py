"""The names in our traces.

Those that begin with `gen_ai.` are of the OpenTelemetry semantic conventions for generative AI
(https://github.com/open-telemetry/semantic-conventions-genai), which may still change: they are
here and nowhere else. Those that begin with `orchestrator.` are our own.
"""

from __future__ import annotations

# Operations; a span is called by its operation and what that is done with.
OPERATION = "gen_ai.operation.name"
INVOKE_WORKFLOW = "invoke_workflow"
INVOKE_AGENT = "invoke_agent"
PLAN = "plan"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
# The conventions have no name for what is tried until it works.
SUBTASK = "subtask"

CONVERSATION = "gen_ai.conversation.id"
AGENT = "gen_ai.agent.name"
PROVIDER = "gen_ai.provider.name"
ERROR_TYPE = "error.type"

REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
OUTPUT_TYPE = "gen_ai.output.type"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
# Input tokens count those that were read from a cache or written to it, too.
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"

TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"

# Contents, which are written only where that is switched on.
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"

# Our own.
RUN_NAME = "orchestrator.run.name"
RUN_STATUS = "orchestrator.run.status"
RUN_ROUND = "orchestrator.run.round"
RUN_GAPS = "orchestrator.run.gaps"
SUBTASK_NUMBER = "orchestrator.subtask.number"
SUBTASK_STATUS = "orchestrator.subtask.status"
ATTEMPT_ID = "orchestrator.attempt.id"
ATTEMPT_NUMBER = "orchestrator.attempt.number"
ATTEMPT_OUTCOME = "orchestrator.attempt.outcome"
PURPOSE = "orchestrator.purpose"
COST_USD = "orchestrator.cost_usd"
