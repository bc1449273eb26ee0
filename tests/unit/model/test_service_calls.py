import pytest

from orchestrator.model import service_calls
from orchestrator.model.base import ServiceCall

USE = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "tea"}}


def result(content, kind="web_search", id_="s"):
    return {"type": f"{kind}_tool_result", "tool_use_id": id_, "content": content}


def page(url, title):
    return {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "x" * 99}


def test_a_search_is_told_with_what_it_found():
    found = [page("https://a.test", "A"), page("https://b.test", "")]

    (call,) = service_calls.of([USE, result(found), {"type": "text", "text": "Done."}])

    assert call == ServiceCall(
        "s", "web_search", {"query": "tea"}, "A https://a.test\nhttps://b.test"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"return_code": 0, "stdout": "4\n", "stderr": "", "content": []}, "4"),
        ({"return_code": 2, "stdout": "", "stderr": "no", "content": []}, "no\nEnded with 2."),
        (
            {"url": "https://a.test", "content": {"title": "A", "source": {"data": "long"}}},
            "A https://a.test",
        ),
        ({"type": "tool_error", "error_code": "unavailable"}, "It failed: unavailable."),
        ({"type": "created", "is_file_update": False}, '{"is_file_update": false}'),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_what_came_of_it_is_told_in_words(content, said):
    (call,) = service_calls.of([USE, result(content)])

    assert call.output == said
    assert call.is_error == said.startswith("It failed")


def test_a_use_without_a_result_is_not_over():
    assert service_calls.of([USE]) == ()


def test_a_result_whose_use_came_before_a_pause_has_the_name_of_its_kind():
    (call,) = service_calls.of([result([], kind="web_fetch")])

    assert (call.name, call.input) == ("web_fetch", {})
