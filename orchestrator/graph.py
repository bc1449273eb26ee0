"""The graph of a plan's subtasks: edges run from what is needed to what needs it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import networkx as nx

N = TypeVar("N", bound=Hashable)

# Above this many sets of edges to try, the search for a smallest set gives way to a greedy one.
_MOST_SETS = 20_000


def of(dependencies: Mapping[N, Iterable[N]]) -> nx.DiGraph[N]:
    """The graph of `dependencies`: node → what it waits for."""
    graph: nx.DiGraph[N] = nx.DiGraph()
    graph.add_nodes_from(dependencies)
    graph.add_edges_from((need, node) for node, needs in dependencies.items() for need in needs)
    return graph


def remaining(dependencies: Mapping[N, Sequence[N]], seconds: Mapping[N, float]) -> dict[N, float]:
    """Seconds from the start of each node to the end of the longest path that begins there.

    `dependencies` must be free of cycles.
    """
    dependents: dict[N, list[N]] = {node: [] for node in dependencies}
    for node, needs in dependencies.items():
        for need in needs:
            dependents[need].append(node)
    longest: dict[N, float] = {}
    for node in reversed(order(dependencies)):
        after = max((longest[d] for d in dependents[node]), default=0.0)
        longest[node] = seconds[node] + after
    return longest


def order(dependencies: Mapping[N, Sequence[N]]) -> list[N]:
    """The nodes so that each comes after what it waits for; otherwise as given."""
    waits = {node: len(needs) for node, needs in dependencies.items()}
    dependents: dict[N, list[N]] = {node: [] for node in dependencies}
    for node, needs in dependencies.items():
        for need in needs:
            dependents[need].append(node)
    free = [node for node, count in waits.items() if not count]
    for node in free:
        for dependent in dependents[node]:
            waits[dependent] -= 1
            if not waits[dependent]:
                free.append(dependent)
    if len(free) != len(waits):
        raise ValueError("the graph has a cycle")
    return free


def descendants(dependencies: Mapping[N, Iterable[N]], node: N) -> set[N]:
    """Everything that waits for `node`, directly or not."""
    return set(nx.descendants(of(dependencies), node))


def critical_path(dependencies: Mapping[N, Sequence[N]], seconds: Mapping[N, float]) -> list[N]:
    """The longest chain of nodes by `seconds`, first to last."""
    longest = remaining(dependencies, seconds)
    dependents = of(dependencies)
    path: list[N] = []
    choices: Iterable[N] = [node for node, needs in dependencies.items() if not needs]
    while choices := list(choices):
        path.append(max(choices, key=longest.__getitem__))
        choices = dependents.successors(path[-1])
    return path


def reduced(dependencies: Mapping[N, Iterable[N]]) -> dict[N, tuple[N, ...]]:
    """The same order with the fewest edges, for people to read."""
    fewest = nx.transitive_reduction(of(dependencies))
    return {
        node: tuple(need for need in needs if fewest.has_edge(need, node))
        for node, needs in dependencies.items()
    }


def cycle_breakers(
    dependencies: Mapping[N, Sequence[N]], priority: Mapping[N, int], seconds: Mapping[N, float]
) -> list[tuple[N, N]]:
    """The edges (need, node) to drop so that no cycle is left.

    As few as possible; of equal choices those into the least important node: the highest
    priority number, then the shortest path that remains from it once they are gone.
    """
    graph = of(dependencies)
    dropped: list[tuple[N, N]] = []
    longest: dict[N, float] = {}
    # Tarjan's algorithm yields a component after all that can be reached from it.
    for component in nx.strongly_connected_components(graph):
        knot = _Knot(graph, component, priority, seconds, longest)
        chosen = knot.breakers() if knot.is_cyclic else ()
        dropped += chosen
        longest |= knot.remaining_without(chosen)
    return dropped


class _Knot(Generic[N]):
    """The nodes that wait for one another, and what the choice between their edges rests on."""

    def __init__(
        self,
        graph: nx.DiGraph[N],
        component: set[N],
        priority: Mapping[N, int],
        seconds: Mapping[N, float],
        longest: Mapping[N, float],
    ):
        self._part: nx.DiGraph[N] = nx.DiGraph(graph.subgraph(component))
        self._priority = priority
        self._seconds = seconds
        # The longest path that leaves the knot at each node.
        self._way_out = {
            node: max(
                (longest[s] for s in graph.successors(node) if s not in component), default=0.0
            )
            for node in component
        }
        self.is_cyclic = len(component) > 1 or any(self._part.has_edge(n, n) for n in component)

    def breakers(self) -> tuple[tuple[N, N], ...]:
        edges = sorted(self._part.edges, key=str)
        for size in range(1, len(edges) + 1):
            if math.comb(len(edges), size) > _MOST_SETS:
                return self._greedy_breakers()
            sets = [s for s in itertools.combinations(edges, size) if self._is_broken_by(s)]
            if sets:
                return min(sets, key=self._importance)
        raise AssertionError("dropping every edge breaks every cycle")

    def remaining_without(self, chosen: Iterable[tuple[N, N]]) -> dict[N, float]:
        rest = self._without(chosen)
        longest: dict[N, float] = {}
        for node in reversed(list(nx.topological_sort(rest))):
            inside = max((longest[d] for d in rest.successors(node)), default=0.0)
            longest[node] = self._seconds[node] + max(inside, self._way_out[node])
        return longest

    def _importance(
        self, chosen: Iterable[tuple[N, N]]
    ) -> tuple[list[tuple[int, float]], list[str]]:
        chosen = list(chosen)
        longest = self.remaining_without(chosen)
        return (
            sorted((-self._priority[node], longest[node]) for _, node in chosen),
            sorted(map(str, chosen)),
        )

    def _without(self, chosen: Iterable[tuple[N, N]]) -> nx.DiGraph[N]:
        rest = self._part.copy()
        rest.remove_edges_from(chosen)
        return rest

    def _is_broken_by(self, chosen: Iterable[tuple[N, N]]) -> bool:
        return bool(nx.is_directed_acyclic_graph(self._without(chosen)))

    def _greedy_breakers(self) -> tuple[tuple[N, N], ...]:
        rest, dropped = self._part.copy(), []
        while not nx.is_directed_acyclic_graph(rest):
            cycle = [(a, b) for a, b, *_ in nx.find_cycle(rest)]
            edge = max(cycle, key=lambda edge: (self._priority[edge[1]], -self._seconds[edge[1]]))
            rest.remove_edge(*edge)
            dropped.append(edge)
        # An edge dropped early may have become harmless: put back what closes no cycle.
        return tuple(edge for edge in dropped if not self._put_back(rest, edge))

    @staticmethod
    def _put_back(rest: nx.DiGraph[N], edge: tuple[N, N]) -> bool:
        rest.add_edge(*edge)
        if nx.is_directed_acyclic_graph(rest):
            return True
        rest.remove_edge(*edge)
        return False
