import pytest

from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.orchestrator import model_of
from orchestrator.settings import Settings


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("ORCHESTRATOR_MODEL", "offline")
    monkeypatch.setenv("ORCHESTRATOR_MAX_SUBTASKS", "7")

    settings = Settings.load()

    assert (settings.database_url, settings.model, settings.max_subtasks) == (
        "sqlite://",
        "offline",
        7,
    )


def test_settings_come_from_a_file_as_well(tmp_path):
    (tmp_path / ".env").write_text("ORCHESTRATOR_CONCURRENCY=3\n")

    assert Settings.load().concurrency == 3


def test_none_takes_back_a_default(monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_RUN_USD", "none")

    assert Settings.load().run_usd is None


def test_the_usual_values_are_right():
    assert Settings.load().attempt_timeout_s == 30
    assert Settings.load().subtask_attempts == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORCHESTRATOR_CONCURRENCY", "0"),
        ("ORCHESTRATOR_MAX_SUBTASKS", "many"),
        ("ORCHESTRATOR_MODEL", "parrot"),
        ("ORCHESTRATOR_ATTEMPT_TIMEOUT_S", "-1"),
        ("ORCHESTRATOR_AUTO_APPROVE_USD", "cheap"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=f"The settings are not right. {name}: .+"):
        Settings.load()


def test_every_wrong_setting_is_named_at_once(monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_CONCURRENCY", "0")
    monkeypatch.setenv("ORCHESTRATOR_GRACE_S", "soon")

    with pytest.raises(ConfigurationError, match=r"ORCHESTRATOR_CONCURRENCY.+ORCHESTRATOR_GRACE_S"):
        Settings.load()


def test_the_key_is_never_shown(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")

    assert "sk-very-secret" not in repr(Settings.load())


def test_without_a_key_claude_is_not_asked_and_the_sentence_says_what_to_do():
    with pytest.raises(ConfigurationError, match=r"ANTHROPIC_API_KEY is not set.+=offline"):
        model_of(Settings.load())


@pytest.mark.parametrize(
    "name",
    [
        *("DATABASE_URL", "ORCHESTRATOR_MODEL", "ORCHESTRATOR_RUN_USD", "ORCHESTRATOR_TOOLS_FILE"),
        *("ORCHESTRATOR_TEAM_USD_PER_DAY", "ORCHESTRATOR_PLAYBOOKS", "ANTHROPIC_API_KEY"),
        *("ANTHROPIC_BASE_URL", "SLACK_API_URL", "SLACK_BOT_TOKEN", "PORT", "HEALTH_PORT"),
        *("ORCHESTRATOR_PUBLIC_URL", "ORCHESTRATOR_RETENTION_DAYS", "ORCHESTRATOR_LOCAL_DATA"),
    ],
)
def test_an_empty_variable_is_as_good_as_none(monkeypatch, tmp_path, name):
    usual = BotSettings.load()
    monkeypatch.setenv(name, "")
    assert BotSettings.load() == usual
    monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{name}=\n")
    assert BotSettings.load() == usual


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfPORT=4000\r\n", b"export PORT='4000' # mine\n"])
def test_a_file_with_a_mark_or_quotes_is_read(tmp_path, content):
    (tmp_path / ".env").write_bytes(content)
    assert BotSettings.load().port == 4000


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_that_is_not_utf8_is_named_in_a_sentence(tmp_path, encoding):
    (tmp_path / ".env").write_text("# für alle\nPORT=4000\n", encoding=encoding)
    with pytest.raises(ConfigurationError, match=r"file \.env is not text in UTF-8"):
        BotSettings.load()
