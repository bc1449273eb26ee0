"""Plans for property tests: as a planner may write them, and as they are after the gate."""

from hypothesis import strategies as st

from orchestrator import gate
from orchestrator.plan import ExpectedOutput, Pattern, Plan, PlanRole, Subtask

ROLES = ("generalist", "researcher", "data | ops", "back\\slash", "Ärztin 医")
TOOLS = ("web_search", "read_file")

# What breaks text forms: bars, escapes, numbers, bullets, field names, odd spaces.
_TRICKY = st.sampled_from(
    [
        "|",
        "\\",
        "\\|",
        "\\\\",
        "after: 2",
        "priority: 9",
        "1. ",
        "- ",
        "\t",
        "\n",
        "\n\n",
        "  ",
        ":",
    ]
)
texts = st.lists(st.text(max_size=8) | _TRICKY, max_size=6).map("".join)
ids = st.sampled_from(["1", "2", "3", "4", "5", "6", "a", "b", "", "07", "x y"])
schemas = st.sampled_from(
    [None, {"type": "object"}, {"type": "nonsense"}, {"pattern": "["}, {"$schema": [1]}, "string"]
)


@st.composite
def subtasks(draw):
    """A subtask as a model might write it: anything the types let through."""
    return Subtask(
        id=draw(ids),
        title=draw(texts),
        instructions=draw(texts),
        role=draw(st.sampled_from([*ROLES, "wizard", "witch"])),
        depends_on=draw(st.lists(ids, max_size=4)),
        stage=draw(st.none() | st.integers(-1, 4)),
        priority=draw(st.integers(-1, 7)),
        size=draw(st.sampled_from(["S", "M", "L"])),
        expected_output=ExpectedOutput(description=draw(texts), json_schema=draw(schemas)),
        tools=draw(st.lists(st.sampled_from([*TOOLS, "hammer"]), max_size=2)),
        timeout_s=draw(st.none() | st.floats(allow_nan=True)),
    )


plans = st.builds(
    Plan,
    goal=texts,
    pattern=st.sampled_from(Pattern),
    subtasks=st.lists(subtasks(), min_size=1, max_size=8).map(tuple),
    roles=st.just(()) | st.just((PlanRole(name="wizard", prompt="Cast."),)),
)


def gated(plan, max_subtasks=50, **options):
    """The plan through the gate with the roles and tools of these tests."""
    return gate.check(plan, ROLES, TOOLS, max_subtasks, **options)


def graphs(max_nodes=6, *, acyclic=False):
    """Dependencies as {node: needs}."""
    return st.integers(1, max_nodes).flatmap(lambda size: _needs(size, acyclic=acyclic))


def _needs(size, *, acyclic):
    def needs_of(node):
        others = range(1, node) if acyclic else [n for n in range(1, size + 1) if n != node]
        if not others:
            return st.just(())
        return st.lists(st.sampled_from(list(others)), unique=True, max_size=4).map(tuple)

    return st.fixed_dictionaries({node: needs_of(node) for node in range(1, size + 1)})
