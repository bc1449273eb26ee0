"""What can go wrong in the local workspace.

ConfigurationError              of `orchestrator.errors`: start-up stops
└── PortInUse
LocalSlackError
├── ApiError                    the answer to a Web API call, as Slack words it
├── PersonError                 the answer to something a person tried to do
└── NotSeen                     a person waited for something that did not come in time
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import ConfigurationError


class PortInUse(ConfigurationError):
    """Another program listens on the port the workspace should have."""

    def __init__(self, port: int):
        super().__init__(
            f"Port {port} is already in use. Stop the program that uses it, or choose another port."
        )
        self.port = port


class LocalSlackError(Exception):
    """The base of the workspace's own errors."""


class ApiError(LocalSlackError):
    """A Web API call is refused; `code` is Slack's error code.

    `problems` explain it the way Slack does in `response_metadata.messages`.
    `retry_after_s` is given with `ratelimited`. `status` is the HTTP status.
    """

    def __init__(
        self,
        code: str,
        problems: Sequence[str] = (),
        *,
        retry_after_s: int | None = None,
        status: int = 200,
        extra: dict[str, str] | None = None,
    ):
        super().__init__(f"{code}: {'; '.join(problems)}" if problems else code)
        self.code = code
        self.problems = tuple(problems)
        self.retry_after_s = retry_after_s
        self.status = status
        self.extra = extra or {}


class PersonError(LocalSlackError):
    """What a person tried did not work; `message` is the sentence they read."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NotSeen(LocalSlackError, TimeoutError):
    """What was waited for did not appear in time."""
