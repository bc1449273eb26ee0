"""Failures of the service: which are worth asking again, and what people are told of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import anthropic
import httpx2
import structlog
import tenacity

from orchestrator.errors import (
    AccountError,
    ModelError,
    ModelOverloaded,
    ModelTruncated,
    ModelUnavailable,
)
from orchestrator.http_transport import NotPassedOn, NotTrusted
from orchestrator.model.base import Sleep
from orchestrator.model.rates import NoPlace

TRIES = 4
# A server may ask for any wait; beyond this, the attempt's own retry is the better place.
LONGEST_WAIT_S = 60.0
_LONGEST_BACKOFF_S = 8.0

_RETRYABLE_STATUS = frozenset({408, 409, 429})
_RETRYABLE_TYPES = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
_OVERLOADED_STATUS = frozenset({429, 529})
_OVERLOADED_TYPES = frozenset({"overloaded_error", "rate_limit_error"})
_SPEND_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
_BILLING_CODES = frozenset({"linked_organization_billing_unavailable"})

log = structlog.get_logger()


class Broken(Exception):
    """A reply that is not one: no JSON, no content, or an end in the middle."""


FAILURES = (anthropic.APIError, httpx2.RequestError, Broken, NoPlace)
_LIMITED = "The model service limits how much it may be asked just now."


def retrying(
    within_s: float, sleep: Sleep, worth_it: Callable[[BaseException], bool], tries: int = TRIES
) -> tenacity.AsyncRetrying:
    """Tries up to `tries` times, and only while the next try would begin within `within_s`."""
    return tenacity.AsyncRetrying(
        sleep=sleep,
        retry=tenacity.retry_if_exception(worth_it),
        stop=tenacity.stop_after_attempt(tries) | tenacity.stop_before_delay(within_s),
        wait=tenacity.wait_exception(retry_after_s)
        + tenacity.wait_random_exponential(multiplier=0.5, max=_LONGEST_BACKOFF_S),
        before_sleep=_log_retry,
        reraise=True,
    )


def retryable(error: BaseException) -> bool:
    """Whether the same request may well succeed a little later."""
    if not isinstance(error, anthropic.APIStatusError):
        return isinstance(error, anthropic.APIConnectionError | httpx2.RequestError | Broken)
    if _is_billing(error):
        return False
    status = error.status_code
    return status in _RETRYABLE_STATUS or status >= 500 or error.type in _RETRYABLE_TYPES


def retry_after_s(error: BaseException) -> float:
    """Seconds the server asked to wait, at most LONGEST_WAIT_S; 0 where it did not ask."""
    if not isinstance(error, anthropic.APIStatusError):
        return 0.0
    try:
        asked = float(error.response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(max(asked, 0.0), LONGEST_WAIT_S) if math.isfinite(asked) else 0.0


def explained(error: Exception, model: str) -> tuple[type[ModelError], str]:
    """The kind of `error` and the sentence a person sees, which has nothing of the raw error."""
    if isinstance(error, anthropic.APIStatusError):
        return _account_trouble(error, model) or _status_trouble(error)
    if isinstance(error, Broken):
        return ModelUnavailable, str(error)
    if isinstance(error, NoPlace):
        return ModelOverloaded, _LIMITED
    for cause in (error, error.__cause__):
        if isinstance(cause, NotPassedOn | NotTrusted):
            return ModelUnavailable, str(cause)
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        return ModelUnavailable, "The model service stopped answering."
    if isinstance(error, anthropic.APIConnectionError):
        return ModelUnavailable, "The model service could not be reached."
    return ModelUnavailable, "The connection to the model service broke off."


def _is_billing(error: anthropic.APIStatusError) -> bool:
    return (
        error.status_code == 402
        or error.type == "billing_error"
        or error.error_code in _SPEND_CODES | _BILLING_CODES
        or "credit balance" in said(error)
    )


def _account_trouble(
    error: anthropic.APIStatusError, model: str
) -> tuple[type[ModelError], str] | None:
    sentence = _account_sentence(error, model)
    return (AccountError, sentence) if sentence else None


def _account_sentence(error: anthropic.APIStatusError, model: str) -> str | None:
    if error.error_code in _SPEND_CODES:
        return (
            "The spend limit of the model account is reached. "
            "Raise it in the account's settings, or wait until it starts anew."
        )
    if _is_billing(error):
        return (
            "The model account cannot pay for requests. Check its credit and billing, then retry."
        )
    if error.error_code == "organization_on_hold":
        return "The model account is disabled. Write to the support of the model service."
    if error.status_code == 401 or error.type == "authentication_error":
        return "The model service does not accept the API key. Check ANTHROPIC_API_KEY."
    if error.status_code == 403 or error.type == "permission_error":
        return f"The API key may not use the model {model}. Choose another model or another key."
    if error.status_code == 404 or error.type == "not_found_error":
        return _not_found_sentence(error, model)
    return None


def _not_found_sentence(error: anthropic.APIStatusError, model: str) -> str | None:
    if error.type is None:
        return "There is no Messages API at the address used. Check ANTHROPIC_BASE_URL."
    if "model" in said(error):
        return (
            f"The model {model} is not available to this account. "
            "Choose another one, or ask for access to it."
        )
    return None


def _status_trouble(error: anthropic.APIStatusError) -> tuple[type[ModelError], str]:
    status = error.status_code
    if error.type in _OVERLOADED_TYPES or status in _OVERLOADED_STATUS:
        return ModelOverloaded, _overloaded_sentence(error)
    if status == 413 or "prompt is too long" in said(error):
        return ModelTruncated, "What the model was given is longer than it can read at once."
    if status >= 500 or error.type == "api_error":
        return ModelUnavailable, "The model service has an internal error."
    if status == 408 or error.type == "timeout_error":
        return ModelUnavailable, "The model service took too long."
    return ModelUnavailable, f"The model service did not accept the request (status {status})."


def _overloaded_sentence(error: anthropic.APIStatusError) -> str:
    if error.type == "rate_limit_error" or error.status_code == 429:
        return _LIMITED
    return "The model service is overloaded just now."


def said(error: anthropic.APIStatusError) -> str:
    """The server's own words, in lower case, to look for hints in; never to be shown."""
    words = error.api_message if isinstance(error.api_message, str) else error.message
    return words.lower()


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info(
        "model.retry",
        tries=state.attempt_number,
        wait_s=round(state.upcoming_sleep, 2),
        error=type(error).__name__,
        status=getattr(error, "status_code", None),
        request_id=getattr(error, "request_id", None),
    )
