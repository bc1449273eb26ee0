"""Files are read by processes of their own, which may fail without harm."""

import asyncio
import subprocess
import sys

import psutil
import pytest
from person import eventually

from orchestrator.errors import SignInPage, UnreadableFile
from orchestrator.files.extractor import Extractor
from orchestrator.files.limits import Limits
from orchestrator.files.read import read
from orchestrator.settings import Settings
from tests import file_samples as samples


def readers():
    """The processes that read files right now."""
    return [
        child for child in psutil.Process().children() if "orchestrator.files" in child.cmdline()
    ]


def endless():
    """A workbook whose only cell stands so far down that nobody ever gets there."""
    sheet = samples.sheet_xml('<row r="999999999999"><c r="A999999999999"><v>5</v></c></row>')
    return samples.replaced(samples.workbook(A=[[1]]), "xl/worksheets/sheet1.xml", sheet)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", b"# Heading\n"),
        ("a.csv", b"n,name\n1,Ada\n"),
        ("a.json", b'{"a": 1}'),
        ("a.html", b"<html><p>Hello</p></html>"),
        ("a.pdf", samples.pdf("Text")),
        ("a.docx", samples.word()),
        ("a.xlsx", samples.workbook(A=[["x"], [1]])),
        ("../a.png", samples.picture()),
    ],
)
async def test_a_process_of_its_own_reads_the_same(name, content):
    assert await Extractor().extract(name, content) == read(name, content)


async def test_a_pdf_of_200_pages_is_read_within_its_time():
    content = samples.pdf(*(f"This is page {number}." for number in range(1, 201)))

    extract = await Extractor().extract("a.pdf", content, "application/pdf")

    assert (len(extract.parts), extract.note) == (200, "")
    assert "This is page 200." in extract.text


async def test_what_the_reader_refuses_is_refused_here():
    with pytest.raises(UnreadableFile, match=r"“a\.pdf” cannot be read: it is locked"):
        await Extractor().extract("x/a.pdf", samples.pdf("Text", password="secret"))
    with pytest.raises(SignInPage, match=r"“a\.pdf” cannot be read: a web page"):
        await Extractor().extract("a.pdf", samples.SIGN_IN, "application/pdf")


async def test_a_file_that_takes_too_long_is_refused_and_its_reader_ended():
    extractor = Extractor(Limits(seconds=0.01))

    with pytest.raises(UnreadableFile, match=r"reading it takes longer than 0.01 seconds\."):
        await extractor.extract("a.xlsx", endless())

    assert readers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to limits of memory")
async def test_a_file_that_takes_too_much_memory_is_refused():
    content = samples.picture(size=(8000, 8000), mode="P")
    extractor = Extractor(Limits(memory_bytes=250_000_000))

    with pytest.raises(UnreadableFile, match=r"reading it takes too much memory\."):
        await extractor.extract("a.png", content)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to limits of memory")
async def test_a_reader_that_breaks_down_is_a_sentence_too():
    extractor = Extractor(Limits(memory_bytes=1_000_000))

    with pytest.raises(UnreadableFile, match=r"takes too much memory\."):
        await extractor.extract("a.pdf", samples.pdf("Text"))


async def test_who_stops_waiting_ends_the_reader():
    reading = asyncio.create_task(Extractor().extract("a.xlsx", endless()))
    await eventually(_is_reading)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert readers() == []


async def test_the_reader_knows_no_secrets(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    reading = asyncio.create_task(Extractor().extract("a.xlsx", endless()))
    await eventually(_is_reading)

    known = readers()[0].environ()
    reading.cancel()
    await asyncio.wait([reading])

    assert "ANTHROPIC_API_KEY" not in known


async def test_no_more_than_two_files_are_read_at_once():
    extractor = Extractor()
    readings = [asyncio.create_task(extractor.extract("a.xlsx", endless())) for _ in range(2)]
    await eventually(_two_are_reading)
    third = asyncio.create_task(extractor.extract("a.txt", b"text"))

    # Who does not have to wait for a turn is done in the meantime.
    await Extractor().extract("b.txt", b"text")
    assert not third.done()
    assert len(readers()) == 2

    readings[0].cancel()
    assert (await third).text == "text"
    readings[1].cancel()
    await asyncio.wait(readings)


def test_the_limits_come_from_the_settings():
    settings = Settings(_env_file=None, file_bytes=7, file_memory_mb=300)

    limits = Extractor.of(settings).limits

    assert (limits.bytes, limits.memory_bytes, limits.chars) == (7, 300_000_000, 200_000)


def test_who_waits_for_readers_loads_none_of_their_libraries():
    heavy = {"openpyxl", "docx", "pypdf", "PIL", "lxml", "bs4", "charset_normalizer"}
    program = "import sys, orchestrator.files.extractor; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert heavy & set(loaded) == set()


async def _is_reading():
    return readers()


async def _two_are_reading():
    return len(readers()) == 2
