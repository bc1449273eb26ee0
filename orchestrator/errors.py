"""Every error people can meet, in one tree.

OrchestratorError                     has the sentence a person sees
├── ConfigurationError                the set-up is wrong; start-up stops with exit code 2
│   ├── AlreadyRunning                another process works on the same database
│   └── NewerDatabase                 the tables come from a later version
├── Refused                           a command changes nothing; its sentence says why
│   ├── NotFound
│   ├── NotAllowed
│   ├── Outdated                      it was about something that has moved on
│   │   └── AlreadyTaken              the event it comes from was taken up before
│   └── InvalidInput
│       └── InvalidPlan               `problems` lists what is wrong with it
├── Conflict                          a guarded change found another state than it left
├── TeamBudgetReached                 the day of a team cannot pay what would start
├── NotInstalled                      the app is not in that workspace (any more)
├── ToolUnavailable                   a tool server cannot be used just now
├── UnreadableFile                    an attached file that cannot be read; `why` says the reason
│   └── SignInPage                    a web page to sign in came in place of its bytes
└── ModelError                        an attempt failed; `outcome` says in which way
    ├── ModelTimedOut
    ├── ModelEmpty
    ├── ModelInvalid                  not the form asked for; `problems` lists what is wrong
    ├── ModelTruncated
    ├── ModelRefused
    ├── ModelOverloaded               after the transport retries were used up
    ├── ModelUnavailable              any other failure of the service
    └── AccountError                  key, spend limit, model access: no retry helps
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from orchestrator.model.base import Usage


class OrchestratorError(Exception):
    """The base of all of them; `str(error)` is the sentence a person sees."""


class ConfigurationError(OrchestratorError):
    """The set-up is wrong; the sentence says what to do."""


class AlreadyRunning(ConfigurationError):
    """Another process works on the same database."""


class NewerDatabase(ConfigurationError):
    """The tables come from a later version of the program."""


class Refused(OrchestratorError):
    """A command changes nothing; the sentence says why."""


class NotFound(Refused):
    """There is nothing of that name (any more)."""


class NotAllowed(Refused):
    """This person may not do that; the sentence names who may."""


class Outdated(Refused):
    """The command was about something that has moved on; `by` is the user id of who moved it."""

    def __init__(self, sentence: str, by: str | None = None):
        super().__init__(sentence)
        self.by = by


class AlreadyTaken(Outdated):
    """The event that a command comes from was taken up before: it has had its effect."""


class InvalidInput(Refused):
    """What was typed cannot be used; the sentence says why."""


class InvalidPlan(InvalidInput):
    """A plan that cannot be repaired."""

    def __init__(self, problems: Sequence[str]):
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class Conflict(OrchestratorError):
    """A guarded change found another state than the one it leaves. Load again and decide again."""


class TeamBudgetReached(OrchestratorError):
    """What would start could cost more than the team may still spend today."""


class NotInstalled(OrchestratorError):
    """The app is not in that workspace (any more)."""


class UnreadableFile(OrchestratorError):
    """An attached file that cannot be read; `why` is the reason in words, after a colon."""

    def __init__(self, name: str, why: str):
        super().__init__(f"“{name}” cannot be read: {why}")
        self.name = name
        self.why = why


class SignInPage(UnreadableFile):
    """A web page to sign in came in place of the bytes: the token may not read the file."""


class ToolUnavailable(OrchestratorError):
    """A tool server cannot be used just now; the sentence says which and why."""


class ModelError(OrchestratorError):
    """A call to a model failed. `usage` and `cost_usd` are what it had used by then."""

    outcome = "errored"

    def __init__(self, sentence: str, usage: Usage | None = None, cost_usd: Decimal | None = None):
        super().__init__(sentence)
        self.usage = usage or Usage()
        self.cost_usd = cost_usd


class ModelTimedOut(ModelError):
    """No answer within the attempt's time."""

    outcome = "timed_out"


class ModelEmpty(ModelError):
    """The answer had no content."""

    outcome = "empty"


class ModelInvalid(ModelError):
    """The answer was not of the form asked for."""

    outcome = "invalid"

    def __init__(
        self,
        problems: Sequence[str],
        usage: Usage | None = None,
        cost_usd: Decimal | None = None,
    ):
        super().__init__(" ".join(problems), usage, cost_usd)
        self.problems = tuple(problems)


class ModelTruncated(ModelError):
    """The answer ended at the token limit."""

    outcome = "invalid"


class ModelRefused(ModelError):
    """The model declined to answer."""

    outcome = "refused"


class ModelOverloaded(ModelError):
    """The service was overloaded or limited the rate until the retries were used up."""


class ModelUnavailable(ModelError):
    """The service could not be reached or broke off."""


class AccountError(ModelError):
    """Key, spend limit or model access: nothing a retry could change."""
