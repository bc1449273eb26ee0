"""What the engine has to reach. Not among the tests: `pytest tests/benchmarks/bench_engine.py`.

The limits leave room for a machine with two busy cores; the graphs are random ones of 30
subtasks, mostly bound by the critical path (`dags.json`) or by the places (`dags_wide.json`).
"""

import asyncio
from pathlib import Path
from statistics import median

import pytest

from orchestrator.bench import Estimates, measure_dag, measure_overhead, read_dags

CONCURRENCY = 5


@pytest.fixture
def url(tmp_path):
    return f"sqlite+aiosqlite:///{tmp_path}/bench.db"


@pytest.mark.parametrize(
    ("name", "estimates", "limit"),
    [
        ("dags.json", Estimates.EXACT, 1.03),
        ("dags.json", Estimates.NONE, 1.05),
        ("dags_wide.json", Estimates.EXACT, 1.04),
        ("dags_wide.json", Estimates.NONE, 1.10),
    ],
)
def test_schedules_are_near_the_best_possible(name, estimates, limit, url):
    graphs = read_dags(Path(__file__).with_name(name))
    measured = [asyncio.run(measure_dag(g, CONCURRENCY, estimates, url)) for g in graphs]
    ratios = [each["ratio"] for each in measured]
    assert median(ratios) <= limit, sorted(ratios)


def test_a_subtask_costs_little_however_many_there_are(url):
    few = median(_milliseconds(200, url) for _ in range(5))
    many = median(_milliseconds(2000, url) for _ in range(3))
    assert few < 0.60
    assert many <= 1.3 * few


def _milliseconds(subtasks, url):
    measured = asyncio.run(measure_overhead(subtasks, CONCURRENCY, url))
    return measured["ms_per_subtask"]
