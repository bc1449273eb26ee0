"""The model, tool servers and collectors of traces on the other side of a proxy."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from bot.connections import open_session
from orchestrator.errors import ModelUnavailable
from orchestrator.http_transport import RoutedTransport
from orchestrator.model.anthropic import AnthropicModel
from orchestrator.model.base import Call, Purpose
from orchestrator.network import network
from orchestrator.tools.configuration import ServerConfig
from orchestrator.tools.connect import Signs, explained, opened
from orchestrator.tracing.export import collector
from tests.authority import Authority
from tests.forward_proxy import ForwardProxy, in_tls
from tests.messages_service import MessagesService, message

HOST = "model.test"
CALL = Call(Purpose.SUBTASK, "m", "You write.", ({"role": "user", "content": "Write."},))


@pytest.fixture
async def service():
    async with MessagesService() as service:
        service.answers(message("Written."))
        yield service


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def no_wait(_):
    """Tries follow each other at once."""


@asynccontextmanager
async def asking(base_url):
    model = AnthropicModel("key", base_url, sleep=no_wait)
    try:
        yield model
    finally:
        await model.close()


def port_of(url):
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize("login", [None, "ada:p@ss"])
async def test_the_model_is_asked_through_the_proxy(service, monkeypatch, login):
    hosts = {HOST: port_of(service.url)}
    async with ForwardProxy.open(hosts, login=login) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("p@ss", "p%40ss"))
        async with asking(f"http://{HOST}") as model:
            assert (await model.complete(CALL)).text == "Written."
    assert proxy.asked == [f"POST {HOST}"]


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_the_model_is_asked_through_a_tunnel_with_an_authority_of_ones_own(
    service, authority, monkeypatch, is_encrypted
):
    context = authority.context("127.0.0.1") if is_encrypted else None
    async with (
        in_tls(port_of(service.url), authority.context(HOST)) as port,
        ForwardProxy.open({HOST: port}, context=context) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with asking(f"https://{HOST}") as model:
            assert (await model.complete(CALL)).text == "Written."
        async with open_session() as session, session.get(f"https://{HOST}/") as answer:
            assert answer.status == 404
    assert proxy.asked == [f"CONNECT {HOST}:443"] * 2


async def test_the_model_is_asked_without_the_proxy_where_no_proxy_says_so(service, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with asking(service.url) as model:
        assert (await model.complete(CALL)).text == "Written."


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("refusal", ["403 Forbidden", "407 Proxy Authentication Required"])
async def test_what_the_proxy_refuses_is_not_told_as_the_models_word(monkeypatch, scheme, refusal):
    async with ForwardProxy.open(refusal=refusal) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"ada:secret@127.0.0.1:{proxy.port}")
        async with asking(f"{scheme}://{HOST}") as model:
            with pytest.raises(ModelUnavailable) as caught:
                await model.complete(CALL)
    status, reason = refusal.split(" ", 1)
    answered = f"The proxy http://127.0.0.1:{proxy.port} answered {status} ({reason})"
    assert str(caught.value).startswith(answered)
    assert "secret" not in str(caught.value)


async def test_a_proxy_that_is_not_there_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
    async with asking(f"https://{HOST}") as model:
        with pytest.raises(ModelUnavailable, match=rf"http://127.0.0.1:{port} cannot be reached"):
            await model.complete(CALL)


async def test_a_certificate_that_nobody_vouches_for_is_told(service, authority):
    context = authority.context("127.0.0.1")
    async with (
        in_tls(port_of(service.url), context) as port,
        asking(f"https://127.0.0.1:{port}") as model,
    ):
        with pytest.raises(ModelUnavailable, match=r"not trusted.*SSL_CERT_FILE"):
            await model.complete(CALL)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_authorities_of_ones_own_are_trusted_beside_the_systems(
    service, authority, monkeypatch, variable
):
    monkeypatch.setenv(variable, str(authority.file))
    context = network().ssl_context
    assert "An authority of our own" in str(context.get_ca_certs())
    async with (
        in_tls(port_of(service.url), authority.context("127.0.0.1")) as port,
        httpx2.AsyncClient(transport=RoutedTransport()) as client,
    ):
        assert (await client.get(f"https://127.0.0.1:{port}/")).status_code == 404


@pytest.mark.parametrize(
    ("refusal", "words"),
    [("403 Forbidden", "answered 403"), ("407 Proxy Authentication Required", "answered 407")],
)
async def test_a_tool_server_behind_a_proxy_that_refuses_is_told_so(monkeypatch, refusal, words):
    config = ServerConfig(url="http://tools.test/mcp")
    signs = Signs(config)
    async with ForwardProxy.open(refusal=refusal) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever its library raises
            async with opened(config, signs):
                pass
    assert words in explained(caught.value, config, signs)
    assert proxy.asked[0] == "POST tools.test"


class Collector(BaseHTTPRequestHandler):
    """Takes whatever it is sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def collecting():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_traces_go_through_the_proxy(collecting, authority, monkeypatch, scheme):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{scheme}://collector.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with in_tls(collecting, authority.context("collector.test")) as encrypted:
        port = encrypted if scheme == "https" else collecting
        async with ForwardProxy.open({"collector.test": port}, login="ada:p@ss") as proxy:
            monkeypatch.setenv("ALL_PROXY", f"http://ada:p%40ss@127.0.0.1:{proxy.port}")
            exporter = collector()
            assert await asyncio.to_thread(exporter.export, []) is SpanExportResult.SUCCESS
            await asyncio.to_thread(exporter.shutdown)
    expected = "CONNECT collector.test:443" if scheme == "https" else "POST collector.test"
    assert proxy.asked == [expected]
