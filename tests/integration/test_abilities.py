"""What a workspace was found to take is known after a restart."""

from functools import partial

import pytest

from bot.abilities import Abilities
from orchestrator import teams


@pytest.fixture
async def load(database):
    """What a process that starts now knows."""
    for team_id in ("T1", "T2"):
        join = partial(teams.join, team_id=team_id, name="", enterprise_id=None)
        await database.write(join)

    async def begin():
        abilities = Abilities(database)
        await abilities.load()
        return abilities

    return begin


async def test_a_workspace_that_took_the_plainer_message_gets_plain_ones_for_good(load):
    abilities = await load()
    abilities.suspect("T1")
    assert abilities.is_plain("T1")
    assert not (await load()).is_plain("T1")
    await abilities.plainer_was_taken("T1")
    for known in (abilities, await load()):
        assert (known.is_plain("T1"), known.is_plain("T2")) == (True, False)


async def test_a_workspace_that_refused_the_plainer_message_too_is_not_to_blame(load):
    abilities = await load()
    abilities.suspect("T1")
    abilities.plainer_was_refused("T1")
    await abilities.plainer_was_taken("T1")
    for known in (abilities, await load()):
        assert not known.is_plain("T1")


async def test_a_workspace_without_streams_is_not_asked_again(load):
    abilities = await load()
    await abilities.note_streams("T1", has=False)
    await abilities.note_streams("T2", has=True)
    for known in (abilities, await load()):
        assert known.streamless == {"T1"}
