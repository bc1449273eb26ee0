"""Worker processes and a model service that limits them together."""

import json
import math
from collections import defaultdict
from datetime import timedelta
from time import monotonic

import pytest
from person import Person, plan
from processes import PATIENCE_S

from orchestrator.orchestrator import Orchestrator
from orchestrator.store.clock import now
from orchestrator.store.tables import RunStatus
from tests.messages_service import MessagesService, Stream, error, message

RUNS, PROCESSES = 60, 3
# A plan, a subtask and an answer each.
REQUESTS = RUNS * 3
LIMIT = 80
MOST_REFUSED = 0.02
# Longer than the limit asks for: processes start, and look again twice a second.
SLOWER = 1.3

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


class Limited:
    """Holds `LIMIT` requests, fills evenly within a minute, and tells how full it is."""

    def __init__(self):
        self.level, self.looked_at = float(LIMIT), monotonic()
        self.served = self.refused = 0
        self.began_at = self.took_s = 0.0

    def __call__(self, body):
        moment = monotonic()
        filled = (moment - self.looked_at) * LIMIT / 60
        self.level, self.looked_at = min(LIMIT, self.level + filled), moment
        if self.level < 1:
            self.refused += 1
            after = {"retry-after": str(math.ceil((1 - self.level) * 60 / LIMIT))}
            return error(429, "rate_limit_error", headers=self.headers() | after)
        self.level -= 1
        self.began_at = self.began_at if self.served else moment
        self.served += 1
        self.took_s = moment - self.began_at
        is_plan = "subtasks" in json.dumps(body.get("output_config"))
        said = message(json.dumps(plan(())) if is_plan else "Done.")
        return Stream(said, headers=self.headers())

    def headers(self):
        full_at = now() + timedelta(seconds=(LIMIT - self.level) * 60 / LIMIT)
        kind = "anthropic-ratelimit-requests"
        return {
            f"{kind}-limit": str(LIMIT),
            f"{kind}-remaining": str(int(self.level)),
            f"{kind}-reset": full_at.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        }


@pytest.fixture
async def service():
    async with MessagesService() as served:
        yield served


async def test_workers_are_hardly_ever_refused_by_a_service_that_limits_them(
    settings, working, service
):
    by_model = defaultdict(Limited)
    service.answers(lambda body: by_model[body["model"]](body))
    theirs = {"ORCHESTRATOR_MODEL": "anthropic", "ANTHROPIC_BASE_URL": service.url}
    async with Orchestrator.open(settings, works=False) as opened:
        person = Person(opened)
        with working(0) as workers:
            for _ in range(PROCESSES):
                workers.start(**theirs)
            runs = [await person.ask(auto_approve=True) for _ in range(RUNS)]
            for run_id in runs:
                await person.until(run_id, RunStatus.COMPLETED, PATIENCE_S)
            assert workers.end() == [0] * PROCESSES
    assert sum(limited.served for limited in by_model.values()) == REQUESTS
    for limited in by_model.values():
        assert limited.refused <= MOST_REFUSED * limited.served
    # Whoever is asked most sets the pace.
    most = max(by_model.values(), key=lambda limited: limited.served)
    assert most.served > LIMIT
    assert most.took_s < (most.served - LIMIT) / LIMIT * 60 * SLOWER
