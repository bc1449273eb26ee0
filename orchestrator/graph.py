"""The graph of a plan's subtasks: edges run from what is needed to what needs it."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import networkx as nx

N = TypeVar("N", bound=Hashable)

# When about this many edges have been looked at, the search for a smallest set gives way to a
# greedy one.
_MOST_EDGES_SEEN = 200_000


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
    if nx.is_directed_acyclic_graph(graph):
        return []
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
        try:
            return self._fewest_breakers()
        except _TooManyTries:
            return self._greedy_breakers()

    def _fewest_breakers(self) -> tuple[tuple[N, N], ...]:
        """Of the smallest sets of edges that are in every cycle, the least important."""
        tries = itertools.count(1)
        for size in itertools.count(1):
            found: set[frozenset[tuple[N, N]]] = set()
            self._search(_successors(self._part), (), size, found, tries)
            if found:
                return tuple(sorted(min(found, key=self._importance), key=str))
        raise AssertionError("dropping every edge breaks every cycle")

    def _search(
        self,
        rest: dict[N, list[N]],
        chosen: tuple[tuple[N, N], ...],
        size: int,
        found: set[frozenset[tuple[N, N]]],
        tries: Iterator[int],
    ) -> None:
        """Add to `found` every set of `size` edges, `chosen` among them, that breaks all cycles.

        Whichever cycle is still there, such a set has one of its edges.
        """
        if next(tries) * self._part.size() > _MOST_EDGES_SEEN:
            raise _TooManyTries
        cycle = _cycle(rest)
        if cycle is None:
            found.add(frozenset(chosen))
            return
        if len(chosen) == size:
            return
        for need, node in cycle:
            without = rest | {need: [other for other in rest[need] if other != node]}
            self._search(without, (*chosen, (need, node)), size, found, tries)

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

    def _greedy_breakers(self) -> tuple[tuple[N, N], ...]:
        rest, dropped = _successors(self._part), []
        while (cycle := _cycle(rest)) is not None:
            edge = max(cycle, key=lambda edge: (self._priority[edge[1]], -self._seconds[edge[1]]))
            rest[edge[0]].remove(edge[1])
            dropped.append(edge)
        # An edge dropped early may have become harmless: put back what closes no cycle.
        return tuple(edge for edge in dropped if not _put_back(rest, edge))


class _TooManyTries(Exception):
    """The search for a smallest set would take too long."""


def _successors(graph: nx.DiGraph[N]) -> dict[N, list[N]]:
    return {node: list(graph.successors(node)) for node in graph}


def _cycle(successors: Mapping[N, Sequence[N]]) -> list[tuple[N, N]] | None:
    """The edges of some cycle; None where there is none."""
    done: set[N] = set()
    for start in successors:
        if start in done:
            continue
        path: dict[N, Iterator[N]] = {start: iter(successors[start])}
        while path:
            node, following = next(reversed(path.items()))
            after = next((s for s in following if s not in done), None)
            if after is None:
                done.add(node)
                del path[node]
            elif after in path:
                nodes = list(path)
                return list(itertools.pairwise([*nodes[nodes.index(after) :], after]))
            else:
                path[after] = iter(successors[after])
    return None


def _put_back(rest: dict[N, list[N]], edge: tuple[N, N]) -> bool:
    """Put the edge back unless it closes a cycle; whether it was."""
    need, node = edge
    seen, ahead = {node}, [node]
    while ahead:
        following = [s for s in rest[ahead.pop()] if s not in seen]
        seen.update(following)
        ahead += following
    if need in seen:
        return False
    rest[need].append(node)
    return True
