"""What one process does alone, and who does it next."""

from functools import partial

import pytest
from person import LONG_OVER_S, eventually

from orchestrator.processes import Leases

LONG_S = 600.0

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@only_postgresql
async def test_what_one_holds_no_other_gets_until_it_is_let_go(database):
    one, another = (Leases(database, holder, LONG_S) for holder in ("one", "another"))
    assert await one.hold(["a", "b"]) == {"a", "b"}
    assert await another.hold(["b", "c"]) == {"c"}
    assert (another.holds("b"), another.holds("c")) == (False, True)

    await one.close()

    assert not one.holds("b")
    assert await another.hold(["b"]) == {"b"}


@only_postgresql
async def test_who_says_nothing_any_more_is_replaced_and_knows_it(database):
    one = Leases(database, "one", LONG_OVER_S)
    another = Leases(database, "another", LONG_S)
    await one.hold(["a"])

    await eventually(partial(another.hold, ["a"]))

    assert not one.holds("a")
    assert await one.hold(["a"]) == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_there_is_nobody_else(database):
    alone = Leases(database, "one", LONG_S)

    assert await alone.hold(["a"]) == {"a"}
    assert alone.holds("b")
