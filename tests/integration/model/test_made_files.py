import pytest

from orchestrator.model import made_files
from orchestrator.model.base import MadeFile
from tests.messages_service import error, html, message, ran

pytestmark = pytest.mark.asyncio(loop_scope="module")


FAILED = {
    "type": "code_execution_tool_result",
    "tool_use_id": "s",
    "content": {"type": "code_execution_tool_result_error", "error_code": "unavailable"},
}
CHART = ("chart.png", "image/png", b"\x89PNG")


async def test_files_that_code_made_come_with_the_reply(service, model, make_call):
    service.files = {"f1": CHART, "f2": ("../a\nb.csv", "text/csv", b"1,2")}
    service.answers(message(ran("f1"), FAILED, ran("f2", kind="code_execution"), "Done."))

    reply = await model.complete(make_call())

    assert reply.text == "Done."
    assert reply.files == (
        MadeFile("chart.png", b"\x89PNG", "image/png"),
        MadeFile("a b.csv", b"1,2", "text/csv"),
    )
    assert reply.notes == ()


async def test_files_made_before_a_pause_come_too(service, model, make_call):
    service.files = {"f1": CHART}
    service.answers(message(ran("f1"), stop_reason="pause_turn"), message(ran("f1"), "Done."))

    reply = await model.complete(make_call())

    assert [file.name for file in reply.files] == ["chart.png"]
    assert service.fetched == ["f1"]


async def test_files_of_earlier_replies_are_not_fetched_again(service, model, make_call):
    service.answers(message("Done."))
    earlier = {"role": "assistant", "content": [ran("f1")]}

    reply = await model.complete(make_call().following(earlier, {"role": "user", "content": "?"}))

    assert reply.files == ()
    assert service.fetched == []


@pytest.mark.parametrize(
    "trouble",
    [
        error(404, "not_found_error"),
        error(401, "authentication_error"),
        error(500),
        html(),
        html(502),
    ],
)
async def test_a_file_that_cannot_be_had_is_told_in_a_note(service, model, make_call, trouble):
    service.files = {"f1": ("", "", trouble), "f2": CHART}
    service.answers(message(ran("f1", "f2"), "Done."))

    reply = await model.complete(make_call())

    assert reply.text == "Done."
    assert [file.name for file in reply.files] == ["chart.png"]
    assert reply.notes == ("A file that was made could not be fetched.",)


async def test_a_file_that_is_too_large_is_not_fetched(service, model, make_call):
    service.files = {"f1": ("big.bin", "", b"x" * (made_files.MOST_BYTES + 1))}
    service.answers(message(ran("f1"), "Done."))

    reply = await model.complete(make_call())

    assert reply.files == ()
    assert reply.notes == ("The file “big.bin” is larger than 20 MB and was not kept.",)


async def test_more_files_than_are_kept_are_told_of(service, model, make_call):
    ids = [f"f{n}" for n in range(12)]
    service.files = dict.fromkeys(ids, CHART)
    service.answers(message(ran(*ids), "Done."))

    reply = await model.complete(make_call())

    assert len(reply.files) == 10
    assert reply.notes == ("12 files were made; only the first 10 were looked at.",)
