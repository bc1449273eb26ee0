import itertools

import networkx as nx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from plan_strategies import graphs

from orchestrator import graph


def valued(size):
    """Whole seconds and priorities for that many nodes."""
    return st.tuples(
        st.fixed_dictionaries({node: st.integers(1, 9) for node in range(1, size + 1)}),
        st.fixed_dictionaries({node: st.integers(1, 3) for node in range(1, size + 1)}),
    )


def weighed(graphs_):
    return graphs_.flatmap(lambda needs: st.tuples(st.just(needs), valued(len(needs))))


def without(needs, edges):
    return {
        node: tuple(need for need in of if (need, node) not in edges) for node, of in needs.items()
    }


def is_acyclic(needs):
    return nx.is_directed_acyclic_graph(graph.of(needs))


def longest_by_trying(needs, seconds, node):
    dependents = [other for other, of in needs.items() if node in of]
    return seconds[node] + max(
        (longest_by_trying(needs, seconds, other) for other in dependents), default=0
    )


@given(weighed(graphs(7, acyclic=True)))
def test_remaining_is_the_longest_of_all_paths(drawn):
    needs, (seconds, _) = drawn

    assert graph.remaining(needs, seconds) == {
        node: longest_by_trying(needs, seconds, node) for node in needs
    }


@given(graphs(8, acyclic=True))
def test_in_order_each_node_comes_after_what_it_waits_for(needs):
    ordered = graph.order(needs)

    assert sorted(ordered) == sorted(needs)
    place = {node: position for position, node in enumerate(ordered)}
    assert all(place[need] < place[node] for node, of in needs.items() for need in of)


@given(graphs(6))
def test_an_order_of_a_cycle_is_refused(needs):
    assume(not is_acyclic(needs))

    with pytest.raises(ValueError, match="cycle"):
        graph.order(needs)


@given(weighed(graphs(7, acyclic=True)))
def test_the_critical_path_is_a_path_and_none_is_longer(drawn):
    needs, (seconds, _) = drawn

    path = graph.critical_path(needs, seconds)

    assert needs[path[0]] == ()
    assert all(before in needs[after] for before, after in itertools.pairwise(path))
    assert sum(seconds[node] for node in path) == max(graph.remaining(needs, seconds).values())


@given(graphs(7, acyclic=True))
def test_reduced_says_the_same_with_no_edge_to_spare(needs):
    fewer = graph.reduced(needs)

    def reach(of):
        return nx.transitive_closure_dag(graph.of(of)).edges

    assert set(reach(fewer)) == set(reach(needs))
    for node, of in fewer.items():
        for need in of:
            assert set(reach(without(fewer, {(need, node)}))) != set(reach(needs))


@given(weighed(graphs(6)))
def test_what_breaks_the_cycles_are_edges_of_the_graph_and_leave_no_cycle(drawn):
    needs, (seconds, priority) = drawn

    dropped = graph.cycle_breakers(needs, priority, seconds)

    assert all(need in needs[node] for need, node in dropped)
    assert len(set(dropped)) == len(dropped)
    assert is_acyclic(without(needs, set(dropped)))


@given(graphs(8, acyclic=True))
def test_a_graph_without_cycles_loses_nothing(needs):
    same = dict.fromkeys(needs, 1)

    assert graph.cycle_breakers(needs, same, same) == []


def alike(*needs):
    """A graph whose nodes are as long and as important as one another."""
    same = dict.fromkeys(range(1, len(needs) + 1), 1)
    return dict(enumerate(needs, start=1)), (same, same)


@example(alike((2,), (1,), (1,)))  # a way out of the knot is no longer than the way round
@example(({1: (2, 3), 2: (1,), 3: (1,)}, ({1: 1, 2: 1, 3: 1}, {1: 2, 2: 1, 3: 2})))
@given(weighed(graphs(4)))
def test_of_the_smallest_sets_of_edges_the_one_into_the_least_important_is_dropped(drawn):
    needs, (seconds, priority) = drawn
    assume(_knots(needs) == 1)

    dropped = graph.cycle_breakers(needs, priority, seconds)

    smallest = _smallest_by_trying(needs)
    assert len(dropped) == len(smallest[0])
    assert _importance(needs, dropped, priority, seconds) == min(
        _importance(needs, edges, priority, seconds) for edges in smallest
    )


@given(weighed(graphs(5)))
def test_no_more_edges_are_dropped_than_must_be(drawn):
    needs, (seconds, priority) = drawn
    assume(sum(map(len, needs.values())) <= 10)

    dropped = graph.cycle_breakers(needs, priority, seconds)

    assert len(dropped) == len(_smallest_by_trying(needs)[0])


def _knots(needs):
    return sum(len(part) > 1 for part in nx.strongly_connected_components(graph.of(needs)))


def _smallest_by_trying(needs):
    edges = [(need, node) for node, of in needs.items() for need in of]
    for size in range(len(edges) + 1):
        sets = [
            chosen
            for chosen in itertools.combinations(edges, size)
            if is_acyclic(without(needs, set(chosen)))
        ]
        if sets:
            return sets
    raise AssertionError("no edges, no cycle")


def _importance(needs, dropped, priority, seconds):
    longest = graph.remaining(without(needs, set(dropped)), seconds)
    return sorted((-priority[node], longest[node]) for _, node in dropped)


def test_a_node_that_waits_for_itself_is_freed():
    assert graph.cycle_breakers({1: (1,), 2: (1,)}, {1: 1, 2: 1}, {1: 1, 2: 1}) == [(1, 1)]


def test_a_dense_knot_of_thirty_is_untied():
    nodes = range(30)
    needs = {node: tuple(other for other in nodes if other != node) for node in nodes}
    same = dict.fromkeys(nodes, 1)

    dropped = graph.cycle_breakers(needs, same, same)

    assert is_acyclic(without(needs, set(dropped)))
    assert len(dropped) == 30 * 29 / 2


def test_one_ring_of_two_hundred_loses_the_edge_into_the_least_important():
    nodes = range(200)
    needs = {node: ((node - 1) % 200,) for node in nodes}
    priority = {node: 5 if node == 77 else 1 for node in nodes}

    assert graph.cycle_breakers(needs, priority, dict.fromkeys(nodes, 1)) == [(76, 77)]
