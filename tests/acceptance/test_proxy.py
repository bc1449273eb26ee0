"""The bot where Slack is on the other side of a proxy, with certificates of the company's own."""

import asyncio
import contextlib
import shutil
import socket

import aiohttp
import pytest
import uvicorn
from structlog.testing import capture_logs

from bot.app import check_app_token, check_token, connected
from bot.listening import listen, listening
from bot.localslack.server import DEFAULT_MANIFEST, LocalSlack, Storage, create_app
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.model.offline import OfflineModel
from tests.acceptance.conftest import FAST, PATIENCE_S, done, told
from tests.authority import Authority
from tests.forward_proxy import ForwardProxy

HOST = "slack.test"
LOGIN = "ada:p%40ss"


class FromOutside:
    """The application under the name that the rest of the world has for it."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        headers = [(n, v if n != b"host" else b"127.0.0.1") for n, v in scope.get("headers", [])]
        await self._app({**scope, "headers": headers}, receive, send)


class TlsServer(uvicorn.Server):
    """A server with the certificate of `HOST`."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def slack(tmp_path, authority):
    """A workspace that the bot reaches as https://slack.test alone, and people directly."""
    with contextlib.closing(Storage(tmp_path / "slack")) as storage:
        app = create_app(storage, base_url=f"https://{HOST}", manifest=DEFAULT_MANIFEST)
        app.state.workspace.rates.enabled = False
        config = uvicorn.Config(FromOutside(app), log_level="critical", lifespan="off")
        config.load()
        config.ssl = authority.context(HOST)
        inside, outside = listen("127.0.0.1", 0, "PORT"), listen("127.0.0.1", 0, "PORT")
        server = TlsServer(config)
        async with listening(app, inside), aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{inside.getsockname()[1]}"
            workspace = LocalSlack(url, app.state.workspace, session)
            async with _serving(server, outside):
                yield workspace, outside.getsockname()[1]
            await app.state.workspace.close()


@contextlib.asynccontextmanager
async def _serving(server, listener):
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
async def proxy(slack):
    async with ForwardProxy.open({HOST: slack[1]}, login=LOGIN.replace("%40", "@")) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy, authority, monkeypatch):
    """The environment of a machine in such a network."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture
def settings(slack, tmp_path, migrated_file):
    workspace, _ = slack
    shutil.copy(migrated_file, tmp_path / "orchestrator.db")
    return BotSettings(
        _env_file=None,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
        model="offline",
        slack_api_url=f"https://{HOST}/api/",
        slack_bot_token=workspace.bot_token,
        slack_app_token=workspace.app_token,
        updates_per_minute=FAST,
        grace_s=0.2,
    )


async def test_everything_that_concerns_slack_goes_through_the_proxy(
    slack, proxy, behind, settings
):
    workspace, _ = slack
    ada = workspace.person("Ada")
    with capture_logs() as logs:
        async with connected(settings, OfflineModel()):
            await workspace.wait_connected(PATIENCE_S)
            # An attached file is downloaded, a command is answered at its response_url.
            file = await ada.attach(("sales.csv", b"fruit,sales\napples,7\n"))
            mention = await ada.mention("general", "Look at the numbers", files=[file])
            plan = await ada.wait_for(mention, lambda m: "Approve" in m.buttons, PATIENCE_S)
            await ada.command("/runs", "", channel="general")
            await told(ada, "general", "Look at the numbers")
            await ada.click(plan, "Approve")
            messages = await done(ada, mention, plan)
            answer = next(message for message in messages if "Timeline" in message.buttons)
            await ada.click(answer, "Timeline")
            await workspace.wait_for_call("files.completeUploadExternal", timeout=PATIENCE_S)
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
    assert workspace.refused == []

    assert "p%40ss" not in str(logs)
    assert "p@ss" not in str(logs)


async def test_what_no_proxy_names_is_reached_without_it(slack, proxy, behind, monkeypatch):
    workspace, _ = slack
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    settings = BotSettings(_env_file=None, slack_api_url=workspace.api_url)
    await check_token(workspace.bot_token, settings)
    assert proxy.asked == []


async def test_a_certificate_that_nobody_vouches_for_is_told(
    slack, proxy, behind, settings, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConfigurationError, match=r"certificate is not trusted.*SSL_CERT_FILE"):
        await check_token("xoxb-1", settings)


@pytest.mark.parametrize("check", [check_token, check_app_token])
@pytest.mark.parametrize(
    ("api_url", "refusal"),
    [
        (f"https://{HOST}/api/", "403 Forbidden"),
        (f"https://{HOST}/api/", "502 Bad Gateway"),
        (f"https://{HOST}/api/", "407 Proxy Authentication Required"),
        (f"http://{HOST}/api/", "403 Forbidden"),
        (f"http://{HOST}/api/", "503 Service Unavailable"),
        (f"http://{HOST}/api/", "407 Proxy Authentication Required"),
    ],
)
async def test_what_the_proxy_refuses_is_not_told_as_slacks_word(
    monkeypatch, check, api_url, refusal
):
    settings = BotSettings(_env_file=None, slack_api_url=api_url)
    async with ForwardProxy.open(refusal=refusal) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://ada:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(ConfigurationError) as caught:
            await check("xoxb-1", settings)
    status, reason = refusal.split(" ", 1)
    said = str(caught.value)
    assert said.startswith(f"The proxy http://127.0.0.1:{proxy.port} answered {status} ({reason})")
    assert "secret" not in said


async def test_a_proxy_that_is_not_there_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
    settings = BotSettings(_env_file=None, slack_api_url=f"https://{HOST}/api/")
    with pytest.raises(ConfigurationError, match=rf"proxy http://127.0.0.1:{port} cannot be"):
        await check_token("xoxb-1", settings)
