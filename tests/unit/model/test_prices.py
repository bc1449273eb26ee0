from decimal import Decimal

import pytest

from orchestrator.errors import ConfigurationError
from orchestrator.model.base import Usage
from orchestrator.model.prices import PriceList

MILLION = 1_000_000


@pytest.fixture(scope="module")
def prices():
    return PriceList.load()


def test_every_kind_of_token_has_its_own_price(prices):
    usage = Usage(
        input_tokens=MILLION,
        output_tokens=MILLION,
        cache_read_tokens=MILLION,
        cache_write_5m_tokens=MILLION,
        cache_write_1h_tokens=MILLION,
    )

    assert prices.cost("claude-fable-5-2", usage) == Decimal("74.20")


@pytest.mark.parametrize(
    ("model", "input_price"),
    [
        ("claude-opus-5", "5"),
        ("claude-opus-5-20261001", "5"),
        ("claude-opus-5-5", "4"),
        ("claude-opus-5-5-20261001", "4"),
        ("claude-opus-5-latest", "5"),
        ("claude-opus-4-6", "5"),
        ("anthropic/claude-sonnet-5", "2"),
        ("us.anthropic.claude-sonnet-4-6-20260217-v1:0", "3"),
        ("claude-haiku-4-5@20251001", "1"),
    ],
)
def test_a_model_is_found_by_its_longest_known_prefix(prices, model, input_price):
    assert prices.cost(model, Usage(input_tokens=MILLION)) == Decimal(input_price)


@pytest.mark.parametrize("model", ["llama3.3", "claude-opus-50", "claude-opus-5-7", "", "claude"])
def test_an_unknown_price_is_none_and_never_zero(prices, model):
    assert prices.cost(model, Usage(input_tokens=1)) is None
    assert prices.worst_case(model, 1, 1) is None


def test_a_long_prompt_has_the_higher_price_and_cached_tokens_count_as_prompt(prices):
    short = Usage(input_tokens=100_000, output_tokens=MILLION)
    long = Usage(input_tokens=50_000, cache_read_tokens=50_001)

    assert prices.cost("claude-haiku-5-5", short) == Decimal("0.51")
    assert prices.cost("claude-haiku-5-5", long) == Decimal("0.02750005")


def test_the_worst_case_writes_all_input_to_the_cache(prices):
    assert prices.worst_case("claude-sonnet-4-6", 10_000, 1_000) == Decimal("0.0525")


def test_the_worst_case_of_a_long_prompt_has_the_higher_price(prices):
    assert prices.worst_case("claude-haiku-5-5", 200_000, 0) == Decimal("0.125")


def test_searches_cost_by_the_piece_and_fetches_only_their_tokens(prices):
    assert prices.cost("claude-opus-5", Usage(web_searches=3)) == Decimal("0.03")
    assert prices.cost("claude-opus-5", Usage(web_fetches=3)) == 0


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-sonnet-5", 1024),
        ("claude-haiku-4-5", 4096),
        ("claude-opus-5", 512),
        ("llama", 1024),
    ],
)
def test_models_differ_in_what_they_cache(prices, model, tokens):
    assert prices.cached_from(model) == tokens


def test_a_file_adds_models_and_overrides_known_ones(tmp_path):
    path = tmp_path / "prices.yml"
    path.write_text(
        "checked: 2027-01-01\n"
        "models:\n"
        "  - ids: [llama3.3, claude-opus-5]\n"
        "    price: {input: 1, output: 1, write_5m: 1, write_1h: 1, read: 1}\n"
    )
    prices = PriceList.load(path)

    assert prices.cost("llama3.3", Usage(output_tokens=MILLION)) == 1
    assert prices.cost("claude-opus-5", Usage(input_tokens=MILLION)) == 1
    assert prices.cost("claude-opus-5-5", Usage(input_tokens=MILLION)) == 4
    assert prices.tools.web_search == Decimal("0.01")


def test_a_file_may_say_that_everything_is_free(tmp_path):
    path = tmp_path / "prices.yml"
    free = "{input: 0, output: 0, write_5m: 0, write_1h: 0, read: 0}"
    path.write_text(
        "checked: 2027-01-01\n"
        "tools: {web_search: 0}\n"
        f"models: [{{ids: [qwen3-coder], price: {free}}}]\n"
    )
    prices = PriceList.load(path)

    assert prices.cost("qwen3-coder:30b", Usage(output_tokens=MILLION, web_searches=1)) == 0
    assert prices.worst_case("qwen3-coder", MILLION, MILLION) == 0


@pytest.mark.parametrize("content", ["models: [", "- 1", "checked: soon", ""])
def test_a_wrong_file_is_named(tmp_path, content):
    path = tmp_path / "wrong.yml"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"wrong\.yml"):
        PriceList.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.yml"):
        PriceList.load(tmp_path / "absent.yml")
