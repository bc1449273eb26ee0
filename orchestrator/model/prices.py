"""What calls cost, from dated configuration."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import ConfigurationError
from orchestrator.model.base import Usage

# Tokens a prompt needs to be cached at all, with most models.
CACHED_FROM = 1_024
_MILLION = Decimal(1_000_000)
# How gateways name a model: `anthropic/claude-…`, `us.anthropic.claude-…`.
_PROVIDER = re.compile(r"^(?:.*/)?(?:[\w-]+\.)*")
# What may follow a known id without making it another model: a date, an alias, a build.
# Anything else (`claude-opus-5` and `-7`) is a model whose price nobody has told us.
_SUFFIX = re.compile(r"^(?:-\d{8}|-latest|-preview|@[\w-]+|-v\d+|:[\w.-]+)*$")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Strict):
    """USD per million tokens, by how they are billed."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    write_5m: Decimal = Field(ge=0)
    write_1h: Decimal = Field(ge=0)
    read: Decimal = Field(ge=0)

    def of(self, usage: Usage) -> Decimal:
        """USD for the tokens of `usage`."""
        total = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_write_5m_tokens * self.write_5m
            + usage.cache_write_1h_tokens * self.write_1h
            + usage.cache_read_tokens * self.read
        )
        return total / _MILLION


class Over(_Strict):
    """Another price for calls whose prompt is longer than `prompt_tokens`."""

    prompt_tokens: int = Field(ge=0)
    price: Price


class ToolPrices(_Strict):
    """USD a use of the tools at the service, where that is billed beyond tokens."""

    web_search: Decimal = Field(default=Decimal(0), ge=0)
    web_fetch: Decimal = Field(default=Decimal(0), ge=0)

    def of(self, usage: Usage) -> Decimal:
        """USD for the uses in `usage`."""
        return usage.web_searches * self.web_search + usage.web_fetches * self.web_fetch


class ModelPrice(_Strict):
    """What the models `ids` cost. They cache prompts of `cached_from` tokens and more."""

    ids: tuple[str, ...] = Field(min_length=1)
    price: Price
    over: Over | None = None
    cached_from: int = Field(default=CACHED_FROM, ge=0)

    def at(self, prompt_tokens: int) -> Price:
        """The price of a call with that many tokens of prompt."""
        if self.over is not None and prompt_tokens > self.over.prompt_tokens:
            return self.over.price
        return self.price


class PriceList(_Strict):
    """Prices as of the day `checked`."""

    checked: date
    tools: ToolPrices = ToolPrices()
    models: tuple[ModelPrice, ...] = ()

    @classmethod
    def load(cls, path: Path | None = None) -> PriceList:
        """The shipped prices, with those of the YAML file at `path` before them.

        Raises ConfigurationError with the file's name and what is wrong in it.
        """
        content = resources.files("orchestrator.model").joinpath("prices.yml").read_text()
        shipped = _parsed(content, "prices.yml")
        if path is None:
            return shipped
        try:
            given = _parsed(path.read_text(), str(path))
        except OSError as error:
            raise ConfigurationError(
                f"The price file {path} cannot be read: {error.strerror}."
            ) from error
        return given.before(shipped)

    def before(self, other: PriceList) -> PriceList:
        """These prices, and those of `other` for what is not among them."""
        return PriceList(
            checked=self.checked,
            tools=self.tools if "tools" in self.model_fields_set else other.tools,
            models=self.models + other.models,
        )

    def cost(self, model: str, usage: Usage) -> Decimal | None:
        """USD for `usage`; None where the price of `model` is unknown."""
        entry = self._entry(model)
        if entry is None:
            return None
        prompt = usage.total_tokens - usage.output_tokens
        return entry.at(prompt).of(usage) + self.tools.of(usage)

    def worst_case(self, model: str, input_tokens: int, max_tokens: int) -> Decimal | None:
        """The most USD one request can cost: all input written to the cache, all output used.

        Uses of server tools cannot be known before and are not in it. None where the price of
        `model` is unknown.
        """
        entry = self._entry(model)
        if entry is None:
            return None
        price = entry.at(input_tokens)
        dearest = max(price.input, price.write_5m)
        return (input_tokens * dearest + max_tokens * price.output) / _MILLION

    def cached_from(self, model: str) -> int:
        """Tokens a prompt for `model` needs to be cached at all."""
        entry = self._entry(model)
        return CACHED_FROM if entry is None else entry.cached_from

    def _entry(self, model: str) -> ModelPrice | None:
        names = (model, _PROVIDER.sub("", model))
        known = [
            (id_, entry)
            for entry in self.models
            for id_ in entry.ids
            if any(_is(name, id_) for name in names)
        ]
        # The first of equally long ones: max keeps it.
        return max(known, key=lambda found: len(found[0]))[1] if known else None


def _is(name: str, id_: str) -> bool:
    return name.startswith(id_) and _SUFFIX.match(name.removeprefix(id_)) is not None


def _parsed(content: str, name: str) -> PriceList:
    try:
        return PriceList.model_validate(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The price file {name} is not YAML.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(
            f"The price file {name} is wrong at {place}: {first['msg']}."
        ) from error
