"""Servers as the instructions of other programs have them, pasted into the tools file."""

import json

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import ConfigurationError
from orchestrator.tools.configuration import ServerConfig, ToolsConfig

TOKEN = "open-sesame"


@pytest.fixture
def load(tmp_path):
    def load(content, **environment):
        file = tmp_path / "mcp.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        with capture_logs() as logs:
            loaded = ToolsConfig.load(file, environment)
        return loaded.servers, [entry["note"] for entry in logs]

    return load


def all_roles(**given):
    return ServerConfig(roles="all", **given)


# The forms of Claude Desktop and Code, Cursor, Windsurf, Gemini, Cline and VS Code, from the
# instructions of servers.
@pytest.mark.parametrize(
    ("part", "server"),
    [
        (
            {"command": "npx", "args": ["-y", "@x/search"], "env": {"KEY": "your-key"}},
            {"command": "npx", "args": ("-y", "@x/search"), "env": {"KEY": "your-key"}},
        ),
        (
            {"command": "uvx", "args": ["db", "--port", 8080, True], "env": {"N": 3, "ON": False}},
            {
                "command": "uvx",
                "args": ("db", "--port", "8080", "true"),
                "env": {"N": "3", "ON": "false"},
            },
        ),
        ({"type": "stdio", "command": "abus"}, {"command": "abus"}),
        ({"type": "http", "url": "https://x.example/mcp"}, {"url": "https://x.example/mcp"}),
        (
            {"type": "streamable-http", "url": "https://x.example/mcp", "headers": {"A": "b"}},
            {"url": "https://x.example/mcp", "headers": {"A": "b"}},
        ),
        (
            {"type": "sse", "url": "https://x.example/sse"},
            {"url": "https://x.example/sse", "transport": "sse"},
        ),
        ({"serverUrl": "https://x.example/mcp"}, {"url": "https://x.example/mcp"}),
        ({"httpUrl": "https://x.example/mcp"}, {"url": "https://x.example/mcp"}),
    ],
)
def test_a_pasted_server_is_one_for_all_roles(load, part, server):
    assert load({"mcpServers": {"search": part}}) == ({"search": all_roles(**server)}, [])


def test_what_means_nothing_here_is_told_and_left_out(load):
    part = {"command": "a", "autoApprove": ["x"], "timeout": 60, "disabled": False}
    servers, notes = load({"mcpServers": {"a": part, "b": {"command": "b", "disabled": True}}})
    assert list(servers) == ["a"]
    assert notes == [
        "“autoApprove” of the server “a” means nothing here.",
        "“timeout” of the server “a” means nothing here.",
        "The server “b” is disabled.",
    ]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("github.com/modelcontextprotocol/servers/tree/main/src/git", None),
        ("My Server 1.2", "My-Server-1-2"),
        ("@x/y_z", "x-y-z"),
    ],
)
def test_names_of_any_kind_are_taken(load, name, ours):
    (found,), _ = load({"mcpServers": {name: {"command": "a"}}})
    assert found == ours or (ours is None and len(found) <= 40)


@pytest.mark.parametrize(
    "content",
    [
        '{"inputs": [], "servers": {"a": {"type": "stdio", "command": "a"}}}',
        '{"mcp": {"inputs": [], "servers": {"a": {"command": "a"}}}}',
        '// claude_desktop_config.json\n{\n\t"mcpServers": {\n\t\t"a": {"command": "a"}\n\t}\n}',
        '{"mcpServers": {"a": {"command": "a",},},}',
        "mcpServers:\n  a:\n    command: a\n",
    ],
)
def test_the_files_of_other_programs_are_read_as_they_are(load, content):
    servers, _ = load(content)
    assert servers == {"a": all_roles(command="a")}


def test_servers_of_both_kinds_can_be_in_one_file(load):
    ours = {"command": "b", "roles": ["analyst"]}
    servers, notes = load({"mcpServers": {"a": {"command": "a"}}, "servers": {"b": ours}})
    assert servers == {"a": all_roles(command="a"), "b": ServerConfig(**ours)}
    assert notes == []


def test_no_servers_are_no_fault(load):
    assert load({"mcpServers": {}}) == ({}, [])


@pytest.mark.parametrize(
    ("said", "environment", "given"),
    [
        ("${TOKEN}", {"TOKEN": TOKEN}, TOKEN),
        ("${env:TOKEN}", {"TOKEN": TOKEN}, TOKEN),
        ("Bearer ${TOKEN:-none}", {"TOKEN": TOKEN}, f"Bearer {TOKEN}"),
        ("Bearer ${TOKEN:-none}", {}, "Bearer none"),
        ("${TOKEN:-none}", {"TOKEN": ""}, "none"),
        ("${TOKEN:-}", {}, ""),
        ("${workspaceFolder}/a", {"workspaceFolder": "/w"}, "/w/a"),
    ],
)
def test_variables_are_filled_in_as_others_write_them(load, said, environment, given):
    servers, _ = load({"mcpServers": {"a": {"command": "a", "env": {"X": said}}}}, **environment)
    assert servers["a"].env["X"].get_secret_value() == given


def test_a_variable_that_is_not_set_is_named(load):
    with pytest.raises(ConfigurationError, match="needs the variable TOKEN"):
        load({"mcpServers": {"a": {"command": "a", "env": {"X": "${env:TOKEN}"}}}})


@pytest.mark.parametrize("servers", [[], "a", 3, {"a": "b"}, {"a": None}, {"a": {"args": 3}}])
def test_what_is_no_server_is_one_sentence(load, servers):
    if servers in ([], "a", 3):
        notes = ["“mcpServers” does not have servers by their names."]
        assert load({"mcpServers": servers}) == ({}, notes)
    else:
        with pytest.raises(ConfigurationError, match="is wrong at servers"):
            load({"mcpServers": servers})
