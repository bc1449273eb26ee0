"""What runs may cost: estimated before, reserved at the start of each call, settled after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.attempts import Parameters
from orchestrator.model.base import Purpose
from orchestrator.plan import Size, Subtask
from orchestrator.settings import Settings

# USD of a call by model, tokens in and tokens out; None where the model's price is unknown.
Price = Callable[[str, int, int], Decimal | None]

# Characters a token has at least, on average, in the languages people write tasks in: a low
# number, so that a reservation is rather too large.
_CHARS_PER_TOKEN = 3
_PROMPT_TOKENS = 1_000
# With the roles, playbooks and schemas of planning, which are the longest.
_PROMPT_TOKENS_AT_MOST = 3_000
# What a worker writes at the most, by the usual limit of its tokens.
_OUTPUT_CHARS = 4 * 8_192

# Tokens a worker writes for a subtask of each size, for estimates shown to people.
_USUAL_OUTPUT: dict[Size, int] = {"S": 400, "M": 1_000, "L": 2_500}
_USUAL_ANSWER = 2_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens in and out together, and USD; an unknown price counts as none, and says so."""

    tokens: int = 0
    usd: Decimal = Decimal(0)
    is_known: bool = True

    def __add__(self, other: Cost) -> Cost:
        known = self.is_known and other.is_known
        return Cost(self.tokens + other.tokens, self.usd + other.usd, known)

    def times(self, calls: int) -> Cost:
        """The cost of so many calls like this."""
        return Cost(self.tokens * calls, self.usd * calls, self.is_known)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.tokens - other.tokens, self.usd - other.usd, self.is_known)


NOTHING = Cost()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an attempt costs at the most: the first one, and those up the ladder."""

    first: Cost = NOTHING
    later: Cost = NOTHING

    def times(self, calls: int) -> Estimate:
        """The estimate for so many calls."""
        return Estimate(self.first.times(calls), self.later.times(calls))

    def after(self, failed: Sequence[object]) -> Cost:
        """What the next attempt costs at the most when these have failed."""
        return self.later if failed else self.first


FREE = Estimate()


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a run; None is no limit."""

    tokens: int | None = None
    usd: Decimal | None = None

    def allows(self, cost: Cost) -> bool:
        """Whether `cost` is within every limit."""
        if self.tokens is not None and cost.tokens > self.tokens:
            return False
        return self.usd is None or cost.usd <= self.usd


NO_LIMIT = Budget()


def free(model: str, tokens_in: int, tokens_out: int) -> Decimal | None:  # noqa: ARG001
    """The price of models that cost nothing."""
    return Decimal(0)


def worst_case(
    first: Parameters, later: Iterable[Parameters], chars: int, price: Price
) -> Estimate:
    """What calls with a prompt of `chars` characters cost at the most: with the `first`
    parameters, and with the most expensive of the `later` ones."""
    tokens_in = chars // _CHARS_PER_TOKEN + _PROMPT_TOKENS_AT_MOST
    costs = [_cost(p.model, tokens_in, p.max_tokens, price) for p in (first, *later)]
    most = Cost(
        max(cost.tokens for cost in costs),
        max(cost.usd for cost in costs),
        all(cost.is_known for cost in costs),
    )
    return Estimate(costs[0], most)


def usual(subtask: Subtask, parameters: Parameters, chars: int, price: Price) -> Cost:
    """What a subtask should cost."""
    tokens_in = chars // (_CHARS_PER_TOKEN + 1) + _PROMPT_TOKENS
    return _cost(parameters.model, tokens_in, _USUAL_OUTPUT[subtask.size], price)


def usual_answer(parameters: Parameters, chars: int, price: Price) -> Cost:
    """What the synthesis should cost."""
    tokens_in = chars // (_CHARS_PER_TOKEN + 1) + _PROMPT_TOKENS
    return _cost(parameters.model, tokens_in, _USUAL_ANSWER, price)


def _cost(model: str, tokens_in: int, tokens_out: int, price: Price) -> Cost:
    usd = price(model, tokens_in, tokens_out)
    return Cost(tokens_in + tokens_out, usd or Decimal(0), usd is not None)


def prompt_chars(task: str, thread: str, settings: Settings, purpose: Purpose, results: int) -> int:
    """Characters of a prompt at the most: the task, its thread, and the results it is given."""
    shared = sum(min(len(told), settings.max_task_chars) for told in (task, thread))
    of_results = results * settings.result_chars
    if purpose is Purpose.SYNTHESIS:
        of_results = min(results * _OUTPUT_CHARS, settings.synthesis_chars)
    return shared + of_results
