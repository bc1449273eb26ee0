"""Reading an extract piece by piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InvalidInput
from orchestrator.files.extract import Extract, Kind
from orchestrator.files.pieces import MOST_CHARS, piece
from orchestrator.files.read import read
from tests import file_samples as samples


def text_file(text):
    return Extract(name="a.txt", kind=Kind.TEXT, size_bytes=len(text), text=text, summary="")


@given(st.text(max_size=300), st.integers(1, 50))
def test_all_pieces_together_are_the_text(text, limit):
    extract, pieces, offset = text_file(text), [], 0
    while offset is not None:
        read_now = piece(extract, offset=offset, limit=limit)
        assert len(read_now.text) <= limit
        pieces.append(read_now.text)
        offset = read_now.next_offset

    assert "".join(pieces) == text


def test_a_piece_ends_with_a_line_and_says_how_to_go_on():
    shown = piece(text_file("one\ntwo\nthree\n"), limit=10)

    assert str(shown) == "one\ntwo\n\n[Characters 0 to 8 of 14. Go on with offset 8.]"


def test_the_last_piece_says_that_it_is():
    assert str(piece(text_file("one"), offset=1)) == "ne\n[The end.]"


def test_no_piece_is_longer_than_a_model_should_read():
    assert len(piece(text_file("x" * 99_000), limit=90_000).text) == MOST_CHARS


def test_a_page_is_read_by_its_number():
    extract = read("a.pdf", samples.pdf("First page", "Second page"))

    assert piece(extract, page=2).text == "Second page"
    assert piece(extract, page=2, offset=7).text == "page"


def test_a_sheet_is_read_by_its_name():
    extract = read("a.xlsx", samples.workbook(A=[["x"], ["1"]], B=[["y"], ["2"]]))

    assert piece(extract, sheet="B").text == "y\n2"


def test_a_piece_of_a_table_repeats_the_header():
    extract = read("a.csv", b"n,name\n1,Ada\n2,Grace\n3,Joan\n")
    first = piece(extract, limit=14)

    assert first.text == "n,name\n1,Ada\n"
    assert piece(extract, offset=first.next_offset).text == "n,name\n2,Grace\n3,Joan"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"page": 3}, "“a.pdf” has no page “3”; the pages that can be read are 1 to 2."),
        ({"sheet": "A"}, "“a.pdf” has no sheets; leave the sheet out."),
        ({"page": 1, "sheet": "A"}, "Give a page or a sheet, not both."),
        ({"page": 1, "offset": 50}, "The offset must be from 0 to 4."),
        ({"offset": -1}, "The offset must be from 0 to 30."),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(asked, said):
    extract = read("a.pdf", samples.pdf("First", "Second"))

    with pytest.raises(InvalidInput) as caught:
        piece(extract, **asked)

    assert str(caught.value) == said


def test_an_unknown_sheet_is_refused_with_those_there_are():
    extract = read("a.xlsx", samples.workbook(A=[["x"]], B=[["y"]]))

    with pytest.raises(InvalidInput, match="no sheet “C”; there are “A” and “B”"):
        piece(extract, sheet="C")


def test_a_picture_has_no_pieces():
    with pytest.raises(InvalidInput, match="is a picture"):
        piece(read("a.png", samples.picture()))
