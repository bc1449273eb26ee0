"""The benchmarks measure what they say, in the form they promise."""

import json

import pytest
import structlog

from orchestrator import cli
from orchestrator.bench import Dag, Estimates, Task, lower_bound, measure_dag
from orchestrator.errors import InvalidInput


@pytest.fixture
def bench(capsys):
    """Run a benchmark command; its exit code, its lines of JSON, and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            cli.main(["bench", *map(str, arguments)])
        said = capsys.readouterr()
        return exited.value.code, [json.loads(line) for line in said.out.splitlines()], said.err

    yield run
    structlog.reset_defaults()


@pytest.fixture
def dag():
    """A long chain of two beside short ones: whoever starts the chain late is late."""
    short = [Task(id=f"short{n}", dur=0.05) for n in range(4)]
    return Dag(
        seed=7,
        tasks=(*short, Task(id="first", dur=0.1), Task(id="second", dur=0.1, deps=("first",))),
    )


def test_each_graph_of_a_file_is_a_line(bench, dag, tmp_path):
    file = tmp_path / "dags.json"
    other = dag.model_copy(update={"seed": 8})
    file.write_text(json.dumps({"params": {}, "dags": [dag.model_dump(), other.model_dump()]}))
    code, lines, err = bench("dags", file, "--concurrency", 2)
    assert (code, err) == (0, "")
    assert [line["seed"] for line in lines] == [7, 8]
    for line in lines:
        assert line.keys() == {"seed", "subtasks", "makespan_s", "lower_bound_s", "ratio"}
        assert line["subtasks"] == 6
        assert line["lower_bound_s"] == pytest.approx(0.2)
        assert line["makespan_s"] >= 0.2
        assert line["ratio"] == pytest.approx(line["makespan_s"] / 0.2, abs=1e-3)


async def test_with_exact_estimates_the_longest_path_starts_first(dag, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/bench.db"
    known = await measure_dag(dag, 1, Estimates.EXACT, url)
    assert known["makespan_s"] >= known["lower_bound_s"] == pytest.approx(0.4)


async def test_it_runs_on_postgres_too(dag, postgres):
    url = postgres.create()
    measured = await measure_dag(dag, 3, Estimates.NONE, url)
    postgres.drop(url)
    assert measured["makespan_s"] >= measured["lower_bound_s"]


def test_the_lower_bound_is_the_critical_path_or_the_shared_out_work(dag):
    assert lower_bound(dag, 1) == pytest.approx(0.4)
    assert lower_bound(dag, 100) == pytest.approx(0.2)


def test_a_graph_that_goes_round_has_no_bound():
    round_ = Dag(seed=1, tasks=(Task(id="a", dur=1, deps=("b",)), Task(id="b", dur=1, deps=("a",))))
    with pytest.raises(InvalidInput, match="cycle"):
        lower_bound(round_, 5)


def test_overhead_is_per_subtask_and_not_held_back_by_limits_for_people(bench):
    code, lines, err = bench("overhead", "--subtasks", 600, "--concurrency", 5)
    assert (code, err) == (0, "")
    [line] = lines
    assert line["subtasks"] == 600
    assert line["ms_per_subtask"] == pytest.approx(line["seconds"] / 600 * 1000, abs=1e-2)


def test_a_file_that_is_none_is_one_line_on_stderr(bench, tmp_path):
    code, lines, err = bench("dags", tmp_path / "nowhere.json")
    assert (code, lines) == (1, [])
    assert "is not a file of graphs" in err
    assert err.count("\n") == 1
