"""Which plans start without anybody's approval. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a plan comes to: its subtasks, and the USD it should cost (None: a price is unknown)."""

    subtasks: int
    expected_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AutoApproval:
    """Plans of at most `usd` and at most `subtasks` start by themselves; None is no such limit.

    A plan of which the cost is unknown is within no limit of USD.
    """

    usd: Decimal | None = None
    subtasks: int | None = None

    def covers(self, proposal: Proposal | None) -> bool:
        """Whether such a plan starts by itself; None stands for one of which nothing is known."""
        if proposal is None:
            return self == EVERY_PLAN
        return self._is_cheap(proposal.expected_usd) and self._is_small(proposal.subtasks)

    def _is_cheap(self, expected_usd: Decimal | None) -> bool:
        return self.usd is None or (expected_usd is not None and expected_usd <= self.usd)

    def _is_small(self, subtasks: int) -> bool:
        return self.subtasks is None or subtasks <= self.subtasks


EVERY_PLAN = AutoApproval()


def within(usd: Decimal | None, subtasks: int | None) -> AutoApproval | None:
    """What starts by itself within these limits; nothing does where neither is set."""
    return None if usd is None and subtasks is None else AutoApproval(usd, subtasks)
