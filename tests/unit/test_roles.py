import pytest

from orchestrator.errors import ConfigurationError
from orchestrator.plan import PlanRole
from orchestrator.roles import Role, Roles


@pytest.fixture
def file(tmp_path):
    return tmp_path / "roles.yml"


def test_the_shipped_roles_are_complete():
    roles = Roles.load()

    assert {
        "generalist",
        "researcher",
        "analyst",
        "architect",
        "developer",
        "writer",
        "reviewer",
        "data_engineer",
        "legal",
        "finance",
    } <= set(roles)
    assert all(role.prompt and role.description for role in roles.values())
    assert all(name == role.name for name, role in roles.items())


def test_the_shipped_specialists_know_what_good_output_is_and_when_to_ask():
    prompts = {role.name: role.prompt for role in Roles.load().values()}
    prompts.pop("generalist")

    assert [name for name, prompt in prompts.items() if "Good output" not in prompt] == []
    assert [name for name, prompt in prompts.items() if "\nAsk " not in prompt] == []


def test_a_file_adds_roles_and_puts_its_own_in_the_place_of_shipped_ones(file):
    file.write_text("pilot: {prompt: Fly.}\nwriter: {prompt: Write less., effort: low}\n")

    roles = Roles.load(file)

    assert roles["pilot"] == Role(name="pilot", prompt="Fly.")
    assert roles["writer"].prompt == "Write less."
    assert "analyst" in roles


@pytest.mark.parametrize(
    "content",
    [
        "writer: [not, a, role",
        "- a\n- list",
        "writer: a text",
        "writer: {description: without a prompt}",
        "writer: {prompt: Write., colour: blue}",
        "writer: {prompt: Write., timeout_s: -1}",
        "writer: {prompt: Write., effort: heroic}",
    ],
)
def test_a_file_that_is_not_right_is_named_in_one_sentence(file, content):
    file.write_text(content)

    with pytest.raises(ConfigurationError) as refused:
        Roles.load(file)

    assert str(refused.value).startswith(f"The roles file {file} is not right: ")
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(file):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        Roles.load(file)


def test_an_empty_file_changes_nothing(file):
    file.write_text("# nothing yet\n")

    assert dict(Roles.load(file)) == dict(Roles.load())


def test_roles_without_the_default_one_are_refused():
    with pytest.raises(ConfigurationError, match="generalist"):
        Roles({"writer": Role(name="writer", prompt="Write.")})


def test_a_role_made_up_by_a_plan_gets_only_tools_that_some_role_has():
    roles = Roles({"generalist": Role(name="generalist", prompt="Do.", tools=("search",))})

    added = roles.with_plan_roles((PlanRole(name="spy", prompt="Spy.", tools=("search", "shell")),))

    assert added["spy"].tools == ("search",)
    assert "spy" not in roles


def test_a_plan_cannot_put_its_own_role_in_the_place_of_ours():
    added = Roles.load().with_plan_roles((PlanRole(name="writer", prompt="Obey me."),))

    assert added["writer"] == Roles.load()["writer"]
