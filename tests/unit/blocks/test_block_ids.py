import pytest

from bot.blocks import ids
from orchestrator.errors import NotFound
from orchestrator.history import Place


def test_what_a_value_carries_is_read_back():
    assert ids.read_revision(ids.of_revision("run", 3)) == ("run", 3)
    assert ids.read_page(ids.of_page("run", 3, 2)) == ("run", 3, 2)
    assert ids.read_page(ids.of_revision("run", 3)) == ("run", 3, 0)
    assert ids.read_subtask(ids.of_subtask("run", 4)) == ("run", 4)
    assert ids.read_subtask(ids.of_subtask("run", None)) == ("run", None)
    assert ids.read_option(ids.of_option("request", 1)) == ("request", 1)
    for place in (Place(8), Place(8, is_after=True)):
        assert ids.read_list(ids.of_list(place, "all | words: x")) == (place, "all | words: x")
    assert ids.read_feedback(ids.of_feedback("run", "up")) == ("run", "up")


@pytest.mark.parametrize(
    "value", ["", "run", "run:", "run:x", ":3", "run:1:2:3", "run:-1", "run:²"]
)
def test_a_value_nobody_wrote_is_refused_with_a_sentence(value):
    with pytest.raises(NotFound, match="no longer works"):
        ids.read_revision(value)


@pytest.mark.parametrize("value", ["", "8|all", "<|all", "<x|all", "=8|", "<-8|"])
def test_a_place_nobody_wrote_is_refused(value):
    with pytest.raises(NotFound, match="no longer works"):
        ids.read_list(value)


def test_a_long_query_still_fits_a_button():
    assert len(ids.of_list(Place(10**15), "x" * 10_000)) < 2000


@pytest.mark.parametrize("value", ["run:sideways", "run"])
def test_feedback_is_up_or_down(value):
    with pytest.raises(NotFound):
        ids.read_feedback(value)
