import re
from pathlib import Path

import pytest

from orchestrator.errors import ConfigurationError
from orchestrator.model.base import ServerTool
from orchestrator.tools.configuration import ServerConfig, ToolEntries, ToolsConfig
from orchestrator.tools.connect import Signs

DOCUMENT = Path(__file__).parents[2] / "docs" / "tools.md"
READING = {"current_date", "calculate", "read_result", "read_file", "read_thread"}


@pytest.fixture
def load(tmp_path):
    def load(content, **environment):
        file = tmp_path / "tools.yml"
        file.write_text(content)
        return ToolsConfig.load(file, environment)

    return load


def test_without_a_file_there_are_the_tools_that_come_with_the_program():
    config = ToolsConfig.load(None)

    assert set(config.tools.built_in()) == {*READING, "save_file"}
    assert set(config.tools.services()) == {"web_search", "web_fetch", "code_execution"}
    assert config.servers == {}


def test_an_empty_file_changes_nothing(load):
    assert load("# nothing yet\n") == ToolsConfig.load(None)


def test_tools_can_be_switched_off_and_on(load):
    config = load("tools: {web_fetch: false, save_file: off, calculate: true, web_search:}")

    assert set(config.tools.built_in()) == READING
    assert set(config.tools.services()) == {"web_search", "code_execution"}


def test_what_only_reads_is_for_everyone_and_the_rest_for_who_names_it(load):
    tools = load("tools: {web_search: {roles: [researcher]}, calculate: {roles: [finance]}}").tools

    assert tools.read_file.is_for("writer", (), "read_file")
    assert not tools.save_file.is_for("writer", (), "save_file")
    assert tools.save_file.is_for("writer", ("save_file",), "save_file")
    assert tools.web_search.is_for("researcher", (), "web_search")
    assert not tools.web_search.is_for("writer", ("web_search",), "web_search")
    assert not tools.calculate.is_for("writer", (), "calculate")


def test_options_of_tools_at_the_service_are_passed_on(load):
    config = load(
        "tools:\n"
        "  web_search: {blocked_domains: [example.com], max_uses: 3}\n"
        "  web_fetch: {allowed_domains: [example.org], max_content_tokens: 5000}\n"
    )
    tools = {name: tool for name, (_, tool) in config.tools.services().items()}

    assert tools == {
        "web_search": ServerTool("web_search", {"blocked_domains": ["example.com"], "max_uses": 3}),
        "web_fetch": ServerTool(
            "web_fetch",
            {"allowed_domains": ["example.org"], "max_uses": 8, "max_content_tokens": 5000},
        ),
        "code_execution": ServerTool("code_execution"),
    }


def test_variables_are_filled_in_and_kept_out_of_sight(load):
    config = load(
        "servers:\n"
        "  tickets:\n"
        "    url: https://${HOST}/mcp\n"
        "    headers: {Authorization: 'Bearer ${TOKEN}'}\n"
        "  shell:\n"
        "    command: shell-server\n"
        "    args: [--key, '${TOKEN}', '$HOME', '${not a name}']\n",
        HOST="t.io",
        TOKEN="open-sesame",
    )
    tickets, shell = config.servers.values()

    assert tickets.url == "https://t.io/mcp"
    assert tickets.headers["Authorization"].get_secret_value() == "Bearer open-sesame"
    assert shell.args == ("--key", "open-sesame", "$HOME", "${not a name}")
    assert tickets.redacted("at t.io with open-sesame") == "at t.io with [secret]"
    assert "sesame" not in repr(tickets)


def test_of_secrets_within_secrets_nothing_is_left(load):
    config = load(
        "servers: {a: {command: x, args: ['${ONE}', '${TWO}']}}", ONE="12345678", TWO="123456789"
    )
    assert config.servers["a"].redacted("123456789") == "[secret]"


def test_without_an_environment_variables_come_from_the_process_and_the_env_file(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FROM_FILE=file\nFROM_BOTH=file\n")
    monkeypatch.setenv("FROM_BOTH", "process")
    file = tmp_path / "tools.yml"
    file.write_text("servers: {a: {command: x, args: ['${FROM_FILE}', '${FROM_BOTH}']}}")

    assert ToolsConfig.load(file).servers["a"].args == ("file", "process")


@pytest.mark.parametrize(
    ("roles", "role", "wanted", "given"),
    [
        (None, "writer", (), ()),
        (None, "writer", ("tickets",), "all"),
        (None, "writer", ("tickets__find", "web_search"), ("find",)),
        ("all", "writer", (), "all"),
        (["writer"], "writer", (), "all"),
        (["writer"], "analyst", ("tickets",), ()),
        ({"writer": ["find"]}, "writer", ("tickets",), ("find",)),
        ({"writer": ["find"], "all": ["count"]}, "analyst", (), ("count",)),
    ],
)
def test_the_configuration_says_which_role_gets_what(roles, role, wanted, given):
    config = ServerConfig(command="x", roles=roles)
    assert config.given("tickets", role, wanted) == given


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("servers: [a, b]", "wrong at servers"),
        ("just words", "wrong at the file"),
        ("servers: {a: b: c}", "is not YAML"),
        ("tools: {time_travel: true}", "wrong at tools.time_travel"),
        ("tools: {web_search: {max_uses: 0}}", "max_uses: Input should be greater"),
        (
            "tools: {web_search: {allowed_domains: [a.io], blocked_domains: [b.io]}}",
            "tools.web_search: there can be allowed_domains or blocked_domains, not both",
        ),
        ("tools: {web_fetch: {allowed_domains: ['https://a.io']}}", "without https://"),
        ("servers: {a: {}}", "servers.a: a server has either a command or a url"),
        ("servers: {a: {command: x, url: 'https://x'}}", "either a command or a url"),
        ("servers: {a: {command: x, headers: {a: b}}}", "headers belong to a url"),
        ("servers: {a: {url: 'https://x', args: [b]}}", "args, env and cwd belong to a command"),
        ("servers: {a: {url: 'ftp://x'}}", "the url begins with https://"),
        ("servers: {a__b: {command: x}}", "“a__b” is no name"),
        ("servers: {web_search: {command: x}}", "the name of another tool"),
        ("servers: {a: {command: x, changes: maybe}}", "wrong at servers.a.changes"),
        ("servers: {a: {command: x, call_timeout_s: 0}}", "wrong at servers.a.call_timeout_s"),
        ("servers: {a: {command: '${NOT_SET}'}}", "needs the variable NOT_SET, which is not set"),
    ],
)
def test_a_file_that_is_not_right_is_named_in_one_sentence(load, content, problem):
    with pytest.raises(ConfigurationError) as refused:
        load(content)

    assert problem in str(refused.value)
    assert "tools.yml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_wrong_is_told_without_the_secret_that_is_wrong(load):
    with pytest.raises(ConfigurationError) as refused:
        load("servers: {a: {url: 'https://x', call_timeout_s: '${KEY}'}}", KEY="open-sesame")

    assert "sesame" not in f"{refused.value} {refused.value.__cause__}"
    assert refused.value.__suppress_context__


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"tools\.yml cannot be read: No such file"):
        ToolsConfig.load(tmp_path / "tools.yml")


def test_the_examples_in_the_documents_are_right(load):
    example, pasted = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)

    config = load(example, TICKETS_TOKEN="open-sesame", WIKI_TOKEN="sesame-close")
    transports = {name: s.transport for name, s in load(pasted, DOCS_TOKEN="x").servers.items()}

    assert set(config.servers) == {"tickets", "wiki"}
    assert transports == {"time": "http", "docs": "http", "old": "sse"}
    assert config.servers["tickets"].given("tickets", "analyst", ()) == ("search", "get")


def test_the_documents_name_every_tool():
    said = DOCUMENT.read_text()
    assert [name for name in ToolEntries.model_fields if f"`{name}`" not in said] == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["out of cheese"], "out of cheese"),
        (
            ["starting", "In-memory databases require --read-write", "- Use a file", "- Use md:"],
            "In-memory databases require --read-write / - Use a file / - Use md:",
        ),
        (
            ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no key"],
            "ValueError: no key",
        ),
        ([], ""),
        (["", "   "], ""),
    ],
)
def test_of_a_program_that_dies_the_last_lines_are_told(lines, said):
    signs = Signs(ServerConfig(command="a"))
    for line in lines:
        signs.line(line)
    assert signs.said == said
