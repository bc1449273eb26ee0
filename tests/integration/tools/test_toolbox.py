"""The tools of a deployment, and what of them a worker gets."""

import json
from functools import partial

import pytest
from mcp.server import MCPServer
from mcp_tools import make_server
from tool_servers import CONTEXT, HttpServer, program, programs

from orchestrator.model.base import Call, Purpose, ServerTool, ToolCall
from orchestrator.model.scripted import ScriptedModel, reply
from orchestrator.roles import Roles
from orchestrator.tools.base import ToolContext, ToolResult
from orchestrator.tools.configuration import ServerConfig, ToolEntries, ToolsConfig
from orchestrator.tools.toolbox import Toolbox

KEPT = ("calculate", "web_search")
READING = ["current_date", "calculate", "read_result", "read_file", "read_thread"]


@pytest.fixture
async def open_toolbox():
    """Makes toolboxes, and sees to it that nothing of them is left."""
    made = []

    def make(tools=None, **servers):
        made.append(Toolbox(ToolsConfig(tools=tools or {}, servers=servers)))
        return made[-1]

    yield make
    for toolbox in made:
        await toolbox.close()
    assert programs() == []


@pytest.fixture
async def shop(open_toolbox):
    """The configuration of a server over HTTP, which takes less to start than a program."""
    app = partial(MCPServer.streamable_http_app, make_server(), json_response=True)
    async with HttpServer(app) as server:
        yield partial(ServerConfig, url=server.url)


def names(kit):
    return [tool.name for tool in kit.tools]


async def test_everyone_gets_what_only_reads_and_nothing_else(open_toolbox):
    kit = await open_toolbox().kit("writer")

    assert names(kit) == READING
    assert kit.server_tools == ()


async def test_a_worker_gets_what_it_names_as_far_as_the_deployment_allows(open_toolbox):
    toolbox = open_toolbox({"code_execution": False, "read_thread": False})

    kit = await toolbox.kit("analyst", ("code_execution", "web_search", "save_file", "shell"))

    assert names(kit) == [*READING[:-1], "save_file"]
    assert kit.server_tools == (ServerTool("web_search", {"max_uses": 8}),)
    assert "code_execution" not in toolbox.names


async def test_the_shipped_roles_name_tools_there_are(open_toolbox):
    assert Roles.load().tools <= open_toolbox().names


async def test_servers_start_only_for_those_who_get_something_of_them(open_toolbox):
    toolbox = open_toolbox(shop=program(roles={"analyst": ["add", "process"]}))

    assert "shop" in toolbox.names
    assert names(await toolbox.kit("writer", ("shop",))) == READING
    assert programs() == []

    kit = await toolbox.kit("analyst")

    assert names(kit) == [*READING, "shop__add", "shop__process"]
    assert (await kit.call("shop__add", {"a": 1, "b": 2}, CONTEXT)).text == "3"
    assert "shop__add" in toolbox.names


async def test_a_single_tool_of_a_server_can_be_named(open_toolbox, shop):
    toolbox = open_toolbox(shop=shop(tools=["add", "die"]))

    assert {"shop", "shop__add", "shop__die"} < toolbox.names
    assert names(await toolbox.kit("writer", ("shop__add",))) == [*READING, "shop__add"]
    without = await toolbox.kit("writer", ("shop__big",))
    assert names(without) == READING
    assert without.missing == ("The tool server shop has no tool named big.",)


async def test_what_each_role_has_is_known_without_starting_a_server(open_toolbox):
    toolbox = open_toolbox(
        {"web_fetch": False, "save_file": {"roles": ["writer"]}},
        shop=program(roles={"analyst": ["add"], "writer": "all"}),
        desk=program(),
    )

    assert toolbox.named("analyst", ("web_search", "desk")) == ("web_search", "shop__add", "desk")
    assert toolbox.named("writer") == ("save_file", "shop")
    assert toolbox.named("researcher", ("desk__order", "nothing")) == ("desk__order",)
    assert toolbox.grantable == ("web_search", "code_execution", "desk")
    assert programs() == []


async def test_a_server_that_is_down_is_told_and_the_rest_is_there(open_toolbox, shop):
    toolbox = open_toolbox(shop=shop(roles="all"), broken=program("crash", roles="all"))

    kit = await toolbox.kit("writer")

    assert "shop__add" in names(kit)
    (missing,) = kit.missing
    assert missing.startswith("The tool server broken cannot be used just now: it ended")


async def test_what_was_not_given_cannot_be_called(open_toolbox, shop):
    toolbox = open_toolbox(shop=shop())
    kit = await toolbox.kit("writer", ("shop__add",))

    for name in ("shop__process", "save_file", "process", "<b>"):
        refused = await kit.call(name, {}, CONTEXT)
        assert refused.is_error
        assert f"You have no tool named {name}." in refused.text


async def test_arguments_that_do_not_fit_are_refused_before_anyone_is_asked(open_toolbox):
    kit = await open_toolbox().kit("writer")

    refused = kit.refusal("calculate", {"expression": 1})

    assert refused == ToolResult(
        "The arguments do not fit. $.expression: 1 is not of type 'string'.", is_error=True
    )
    assert kit.refusal("calculate", {"expression": "1"}) is None


async def test_what_changes_something_is_called_only_with_approval(open_toolbox, shop):
    toolbox = open_toolbox(shop=shop(roles="all", changes=["add"]))
    kit = await toolbox.kit("writer")
    arguments = {"a": 1, "b": 2}

    refused = await kit.call("shop__add", arguments, CONTEXT)

    assert kit.offer("shop__add").changes
    assert kit.offer("shop__add").title == "add (shop)"
    assert refused.is_error
    assert "nobody has approved" in refused.text
    approved = await kit.call("shop__add", arguments, CONTEXT, is_approved=True)
    assert approved.text == "3"


async def test_how_it_stands_is_told_in_words(open_toolbox, shop):
    toolbox = open_toolbox(
        {name: False for name in ToolEntries.model_fields if name not in KEPT},
        shop=shop(tools=["add", "hang"]),
        odd=shop(tools=["add", "subtract"]),
        broken=program("crash"),
    )

    states = {state.name: state for state in await toolbox.states()}

    assert {name: state.is_fine for name, state in states.items()} == {
        "built in": True,
        "service": True,
        "shop": True,
        "odd": False,
        "broken": False,
    }
    assert states["built in"].sentence == "Workers can use calculate."
    assert states["service"].sentence == "At the model's service they can use web_search."
    assert states["shop"].sentence == (
        "The tool server shop is ready with 2 tools. These need approval: hang."
    )
    assert states["odd"].sentence == (
        "The tool server odd is ready with 1 tool. It has no tool named subtract."
    )
    assert "no licence" in states["broken"].sentence


async def test_a_conversation_with_tools_goes_on_from_where_it_was_stored(open_toolbox):
    async def result(number):
        return "Lisbon" if number == 1 else None

    context = ToolContext(result=result)
    calls = [
        ToolCall("c1", "calculate", {"expression": "6 * 7"}),
        ToolCall("c2", "read_result", {"subtask": 1}),
        ToolCall("c3", "read_result", {"subtask": 9}),
    ]
    model = ScriptedModel()
    model.enqueue(reply(tool_calls=calls), "42 in Lisbon")
    asked = Call(Purpose.SUBTASK, "m", "s", ({"role": "user", "content": "Go."},))
    first = await model.complete(asked)
    stored = json.dumps([*asked.messages, first.message])

    # Another process, which knows nothing but what is stored.
    kit = await open_toolbox().kit("writer")
    results = {c.id: await kit.call(c.name, c.input, context) for c in first.tool_calls}
    blocks = [result.block(id_) for id_, result in results.items()]
    going_on = Call(
        Purpose.SUBTASK,
        "m",
        "s",
        (*json.loads(stored), {"role": "user", "content": json.loads(json.dumps(blocks))}),
        tools=kit.tools,
        server_tools=kit.server_tools,
    )

    assert (await model.complete(going_on)).text == "42 in Lisbon"
    assert model.calls[-1].messages[-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "42"},
        {
            "type": "tool_result",
            "tool_use_id": "c2",
            "content": '<result subtask="1">\nLisbon\n</result>',
        },
        {
            "type": "tool_result",
            "tool_use_id": "c3",
            "content": "There is no result of a subtask 9.",
            "is_error": True,
        },
    ]
