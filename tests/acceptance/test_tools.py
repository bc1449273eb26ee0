"""Workers that do things: a file, a tool that looks, one that changes something, code's files."""

import json
import sys
from contextlib import asynccontextmanager

import pytest

from bot.app import connected
from tests.acceptance.conftest import (
    PATIENCE_S,
    ROOT,
    answered,
    done,
    has_button,
    same,
    says,
)
from tests.acceptance.test_answer import details_of, has_file
from tests.integration.person import plan
from tests.messages_service import MessagesService, message, ran

CSV = ("stock.csv", b"fruit,count\napples,3\npears,40\n")
ORDER = {"fruit": "apples", "count": 37}
USES = [
    ("read_file", {"name": "stock.csv"}),
    ("desk__prices", {"fruit": "apples"}),
    ("desk__order", ORDER),
]
TASK = "Order what is missing"
# How the offline model is told to use the tools.
OFFLINE_TASK = TASK + " #subtasks(1) {}".format(
    " ".join(f"#tool(1, {name}, {json.dumps(given)})" for name, given in USES)
)
CHART = ("chart.png", "image/png", b"\x89PNG made by code")
CODE = {
    "type": "server_tool_use",
    "id": "s",
    "name": "bash_code_execution",
    "input": {"command": "python draw.py"},
}


@pytest.fixture
def ledger(tmp_path):
    """What was ordered, in a file that only the tool server writes."""
    return tmp_path / "ledger"


@pytest.fixture
def tools_file(tmp_path, ledger):
    program = str(ROOT / "tests" / "acceptance" / "desk_program.py")
    desk = {"command": sys.executable, "args": [program], "env": {"LEDGER": str(ledger)}}
    file = tmp_path / "tools.yml"
    file.write_text(json.dumps({"servers": {"desk": {**desk, "roles": "all"}}}))
    return file


@pytest.fixture
async def service():
    """A server that speaks the Messages API, and answers as a model would that uses the tools."""
    async with MessagesService() as service:
        service.answers(as_a_model)
        service.files = {"file_1": CHART}
        yield service


def as_a_model(body):
    system = str(body["system"])
    if "You lead a team" in system:
        return message(json.dumps(plan([]) | {"goal": "Enough apples", "playbook": None}))
    if not body.get("tools"):
        return message("Everything is ordered.")
    results = str(body["messages"]).count("'tool_result'")
    if results < len(USES):
        name, given = USES[results]
        use = {"type": "tool_use", "id": f"toolu_{results}", "name": name, "input": given}
        return message(use, stop_reason="tool_use")
    return message(CODE, ran("file_1", stdout="drawn"), "The apples are ordered, see chart.png.")


@pytest.fixture
def start(workspace, settings, tools_file):
    """Start the bot with the tools, and the model that the settings name."""

    @asynccontextmanager
    async def start(**changed):
        changed = {"tools_file": tools_file, **changed}
        async with connected(settings.model_copy(update=changed)) as bot:
            await workspace.wait_connected()
            yield bot

    return start


async def asked(person, task):
    """The mention, the plan, and the request to use the tool that changes something."""
    mention = await person.mention("general", task, files=[await person.attach(CSV)])
    proposal = await person.wait_for(person.thread(mention), has_button("Approve"), PATIENCE_S)
    await person.click(proposal, "Approve")
    request = await person.wait_for(person.thread(mention), has_button("Deny"), PATIENCE_S)
    return mention, proposal, request


async def use_all(person, task, ledger):
    """Approve the order once it is asked about; the answer and the details of the subtask."""
    mention, proposal, request = await asked(person, task)
    assert request.buttons[:2] == ["Approve", "Deny"]
    for words in (f"<@{person.id}>", "wants to use a tool", "desk__order"):
        assert words in request.words
    assert json.dumps(ORDER, indent=2) in request.words
    assert not ledger.exists()

    await person.click(request, "Approve")
    await person.wait_for(request, same(request, says(f"<@{person.id}> chose Approve")), PATIENCE_S)
    await done(person, mention, proposal)
    assert ledger.read_text() == "37 apples\n"
    answer = await answered(person, mention)
    return answer, (await details_of(person, answer, 1)).words


def assert_shows_each_use(details):
    for name, given in USES:
        assert name in details
        assert json.dumps(given, indent=2) in details
    for brought in ("pears,40", "apples: 3 EUR", "Ordered 37 apples.", "Decided by"):
        assert brought in details
    assert "(tool_" not in details


async def test_a_run_uses_a_file_and_a_server_and_asks_before_it_changes_something(
    start, ada, ledger
):
    async with start():
        _, details = await use_all(ada, OFFLINE_TASK, ledger)
        assert_shows_each_use(details)


async def test_the_same_through_the_messages_api_and_what_code_made_comes_with_the_answer(
    start, ada, ledger, service
):
    async with start(model="anthropic", anthropic_base_url=service.url):
        answer, details = await use_all(ada, TASK, ledger)
        assert_shows_each_use(details)
        for words in ("bash_code_execution", "python draw.py", "drawn"):
            assert words in details
        posted = await ada.wait_for(answer, has_file("chart.png"), PATIENCE_S)
        (file,) = posted.files
        assert await ada.download(file["id"]) == CHART[2]


async def test_what_is_denied_is_not_done_and_the_run_goes_on(start, ada, ledger):
    async with start():
        mention, proposal, request = await asked(ada, OFFLINE_TASK)
        await ada.click(request, "Deny")
        await done(ada, mention, proposal)
        details = await details_of(ada, await answered(ada, mention), 1)
        assert "desk__order · denied" in details.words
        assert not ledger.exists()
