"""Which proxy is for which address, and what the variables may look like."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ConfigurationError
from orchestrator.network import network, read_network

PROXY = "http://proxy.corp:3128"


def is_proxied(url, no_proxy=""):
    """Whether requests to `url` go through the proxy, all schemes having one."""
    return read_network({"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_for(url) is not None


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({"HTTP_PROXY": PROXY}, "http://slack.test/", PROXY),
        ({"HTTP_PROXY": PROXY}, "https://slack.test/", None),
        ({"HTTPS_PROXY": PROXY}, "https://slack.test/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "wss://slack.test/link", PROXY),
        ({"HTTP_PROXY": PROXY}, "ws://slack.test/link", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://slack.test/", None),
        ({"ALL_PROXY": PROXY}, "https://slack.test/", PROXY),
        ({"ALL_PROXY": PROXY, "https_proxy": "http://b"}, "https://slack.test/", "http://b"),
        ({"https_proxy": "http://small", "HTTPS_PROXY": PROXY}, "https://s/", "http://small"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, "https://s/", PROXY),
        ({"HTTPS_PROXY": "proxy.corp:3128"}, "https://slack.test/", PROXY),
        ({"HTTPS_PROXY": " http://proxy.corp:3128/ "}, "https://slack.test/", PROXY),
        ({"HTTPS_PROXY": "http://[2001:db8::1]:3128"}, "https://s/", "http://[2001:db8::1]:3128"),
        ({"HTTPS_PROXY": ""}, "https://slack.test/", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "slack.test"}, "https://slack.test/", None),
        ({"HTTPS_PROXY": PROXY}, "ftp://slack.test/", None),
    ],
)
def test_each_scheme_has_its_proxy(variables, url, expected):
    proxy = read_network(variables).proxy_for(url)
    assert (proxy.url if proxy else None) == expected


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("example.com", "https://example.com/"),
        ("example.com", "https://www.example.com/"),
        ("example.com", "https://EXAMPLE.com./"),
        ("EXAMPLE.COM", "https://example.com/"),
        ("example.com.", "https://example.com/"),
        (".example.com", "https://www.example.com/"),
        (".example.com", "https://example.com/"),
        ("*.example.com", "https://a.b.example.com/"),
        ("a.test, example.com", "https://example.com/"),
        ("a.test example.com", "https://example.com/"),
        (",,example.com,", "https://example.com/"),
        ("example.com:443", "https://example.com/"),
        ("example.com:8443", "https://example.com:8443/"),
        ("example.com:443", "wss://example.com/link"),
        ("*", "https://example.com/"),
        ("a.test,*", "https://example.com/"),
        ("10.0.0.0/8", "http://10.1.2.3/"),
        ("192.168.1.7", "http://192.168.1.7:8080/"),
        ("192.168.1.7:8080", "http://192.168.1.7:8080/"),
        ("2001:db8::/32", "http://[2001:db8::7]/"),
        ("[2001:db8::7]", "http://[2001:db8::7]/"),
        ("[2001:db8::7]:8080", "http://[2001:db8::7]:8080/"),
        ("2001:DB8:0::7", "http://[2001:db8::7]/"),
        ("10.1.2.3", "http://[::ffff:10.1.2.3]/"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("http://example.com", "https://example.com/"),
    ],
)
def test_what_no_proxy_covers_is_reached_without_one(no_proxy, url):
    assert not is_proxied(url, no_proxy)


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", "https://example.com/"),
        (",", "https://example.com/"),
        ("ample.com", "https://example.com/"),
        (".ample.com", "https://example.com/"),
        ("www.example.com", "https://example.com/"),
        ("example.com", "https://example.com.evil.test/"),
        ("example.com:8443", "https://example.com/"),
        ("example.com:80", "https://example.com/"),
        ("10.0.0.0/8", "http://11.1.2.3/"),
        ("10.0.0.0/8", "http://10.example.com/"),
        ("192.168.1.7", "http://192.168.1.70/"),
        ("192.168.1.7:8080", "http://192.168.1.7/"),
        ("localhost", "http://localhost.example/"),
        ("local", "http://localhost.example/"),
        ("10.0.0.0/99", "http://10.1.2.3/"),
        ("[2001:db8::8]", "http://[2001:db8::7]/"),
    ],
)
def test_what_no_proxy_does_not_cover_is_proxied(no_proxy, url):
    assert is_proxied(url, no_proxy)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/",
        "http://LOCALHOST/",
        "http://127.0.0.1:3000/api/",
        "http://127.8.8.8/",
        "ws://127.0.0.1/link",
        "http://[::1]:3000/",
        "http://[::ffff:127.0.0.1]/",
    ],
)
def test_this_machine_is_never_proxied(url):
    assert not is_proxied(url)


def test_a_password_is_decoded_and_never_shown():
    here = read_network({"HTTPS_PROXY": "http://ada:p%40ss%2Fw%C3%B6rd@proxy:3128"})
    proxy = here.proxy_for("https://slack.test/")
    assert (proxy.username, proxy.password) == ("ada", "p@ss/wörd")
    assert proxy.url == "http://proxy:3128"
    assert "p@ss" not in repr(here)
    assert "p%40ss" not in repr(here)
    assert proxy.secret_url == "http://ada:p%40ss%2Fw%C3%B6rd@proxy:3128"


@pytest.mark.parametrize(
    "value",
    ["socks5://secret@proxy:1080", "http://", "http://a:secret@:99", "http://proxy:99999", "://"],
)
def test_what_is_no_proxy_is_named_by_its_variable_without_its_value(value):
    with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY is not the address") as caught:
        read_network({"HTTPS_PROXY": value})
    assert "secret" not in str(caught.value)


def test_a_certificate_authority_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE names .*not exist"):
        read_network({"SSL_CERT_FILE": str(tmp_path / "missing.pem")})
    file = tmp_path / "rubbish.pem"
    file.write_text("rubbish")
    here = read_network({"REQUESTS_CA_BUNDLE": str(file)})
    with pytest.raises(ConfigurationError, match=r"in .*rubbish.pem cannot be read"):
        _ = here.ssl_context


def test_variables_in_the_file_count_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"HTTPS_PROXY={PROXY}\nNO_PROXY=a.test\n")
    assert network().proxy_for("https://slack.test/").url == PROXY
    monkeypatch.setenv("NO_PROXY", "slack.test")
    assert network().proxy_for("https://slack.test/") is None


@given(st.text(max_size=60))
def test_no_value_of_no_proxy_is_an_error(value):
    assert is_proxied("https://example.com/", value) in (True, False)


@given(st.text(max_size=60))
def test_any_proxy_is_one_or_a_sentence(value):
    with suppress(ConfigurationError):
        read_network({"HTTP_PROXY": value}).proxy_for("http://example.com/")
