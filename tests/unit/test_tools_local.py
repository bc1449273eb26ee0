from datetime import UTC, datetime

import pytest

from orchestrator import schemas
from orchestrator.files.extract import Extract, Kind
from orchestrator.model.base import MadeFile
from orchestrator.tools.base import ToolContext, ToolResult
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.local import MAX_FILES, OFFERS, PAGE_CHARS, LocalTools

FILES = {
    "costs.csv": Extract("costs.csv", Kind.TABLE, 7, "a,b\n1,2", "Costs."),
    "long.txt": Extract("long.txt", Kind.TEXT, 25_000, "x" * 25_000, "Long."),
}


async def result(number):
    return {1: "The <result>capital</result> is Lisbon."}.get(number)


async def file(name):
    return FILES.get(name)


async def thread():
    return "Ana: How much?\nBen: Two."


async def attached():
    return list(FILES)


async def made():
    return ["old.md"]


CONTEXT = ToolContext(
    result=result,
    file=file,
    thread=thread,
    attached=attached,
    made=made,
    now=lambda: datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
    time_zone="Europe/Lisbon",
)


async def call(tool, context=CONTEXT, /, **arguments):
    assert schemas.misfits(OFFERS[tool].tool.input_schema, arguments) == []
    return await LocalTools().call(tool, arguments, context)


def test_every_tool_is_configured_and_offered():
    assert set(OFFERS) == set(ToolsConfig().tools.built_in())
    for name, offer in OFFERS.items():
        assert offer.tool.name == name
        assert offer.tool.description
        assert "description" not in offer.tool.input_schema
        assert schemas.is_sound(offer.tool.input_schema)
        assert not offer.changes


async def test_the_date_is_told_in_the_zone_of_the_team_or_another():
    assert (await call("current_date")).text == ("Sunday, 2026-03-01T23:30+00:00 (Europe/Lisbon)")
    assert (await call("current_date", time_zone="Asia/Tokyo")).text == (
        "Monday, 2026-03-02T08:30+09:00 (Asia/Tokyo)"
    )


@pytest.mark.parametrize("zone", ["Middle/Earth", "../../etc/passwd", "", "Europe"])
async def test_a_time_zone_that_is_none_is_an_error(zone):
    context = ToolContext(time_zone="")
    assert (await call("current_date", context, time_zone=zone)).is_error


async def test_calculating_gives_a_value_or_says_why_not():
    assert await call("calculate", expression="0.1 + 0.2") == ToolResult("0.3")
    assert (await call("calculate", expression="1 / 0")).is_error


async def test_a_result_is_fenced_so_that_it_cannot_end_itself():
    read = await call("read_result", subtask=1)

    assert read.text == ('<result subtask="1">\nThe ‹result>capital‹/result> is Lisbon.\n</result>')
    assert (await call("read_result", subtask=2)).is_error


async def test_a_long_result_is_read_page_by_page():
    async def long(_):
        return "y" * (2 * PAGE_CHARS + 1)

    context = ToolContext(result=long)
    pages = [await call("read_result", context, subtask=1, page=page) for page in (1, 2, 3)]
    beyond = await call("read_result", context, subtask=1, page=4)

    assert 'page="2 of 3"' in pages[1].text
    assert "".join(page.text.split("\n")[1] for page in pages) == await long(1)
    assert beyond == ToolResult("There is no page 4; the last is 3.", is_error=True)


async def test_a_file_is_read_piece_by_piece():
    short = await call("read_file", name="costs.csv")
    pieces = [await call("read_file", name="long.txt", offset=n) for n in (0, 10_000, 20_000)]
    beyond = await call("read_file", name="long.txt", offset=30_000)

    assert short.text == '<file name="costs.csv">\na,b\n1,2\n[The end.]\n</file>'
    assert "Go on with offset 10000." in pieces[0].text
    assert "".join(piece.text.split("\n")[1] for piece in pieces) == "x" * 25_000
    assert beyond.is_error
    assert (await call("read_file", name="costs.csv", page=1)).is_error


async def test_a_file_that_is_not_there_names_those_that_are():
    missing = await call("read_file", name="secret.txt")

    assert missing.is_error
    assert "“costs.csv” and “long.txt”" in missing.text


async def test_the_thread_is_read():
    assert (await call("read_thread")).text == ("<thread>\nAna: How much?\nBen: Two.\n</thread>")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("read_result", {"subtask": 1}), ("read_file", {"name": "a.txt"}), ("read_thread", {})],
)
async def test_a_run_that_has_nothing_says_so(name, arguments):
    assert (await call(name, ToolContext(), **arguments)).is_error


async def test_a_file_is_made_under_a_plain_name():
    saved = await call("save_file", name="../etc/costs.csv", content="a,b")

    assert saved.files == (MadeFile("-etc-costs.csv", b"a,b", "text/csv"),)
    assert "-etc-costs.csv" in saved.text


@pytest.mark.parametrize("name", ["...", " \u202e "])
async def test_a_name_that_is_none_is_refused(name):
    saved = await call("save_file", name=name, content="a")
    assert saved.is_error


async def test_a_run_makes_so_many_files_and_may_replace_them():
    async def many():
        return [f"{n}.md" for n in range(MAX_FILES)]

    context = ToolContext(made=many)

    assert (await call("save_file", context, name="new.md", content="a")).is_error
    assert not (await call("save_file", context, name="1.md", content="a")).is_error


async def test_text_that_is_no_unicode_is_an_error_for_the_worker():
    assert (await call("save_file", name="a.txt", content="\ud800")).is_error
