"""`make bench`: every benchmark, one JSON line a figure; exit code 1 where a limit is passed."""

import sys

from tests.benchmarks import engine, growth, history, memory, mentions, page, publisher, workers

BENCHMARKS = (engine, mentions, publisher, memory, growth, history, workers, page)

if __name__ == "__main__":
    sys.exit(max([benchmark.main() for benchmark in BENCHMARKS]))
