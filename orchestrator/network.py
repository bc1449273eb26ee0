"""How this process reaches other hosts: which proxy stands between, and whom TLS trusts.

Every client takes both from here, because libraries read the same variables in different ways:
HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in capitals or not, and SSL_CERT_FILE,
SSL_CERT_DIR and REQUESTS_CA_BUNDLE, from the environment or the file `.env`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from orchestrator import dotenv
from orchestrator.errors import ConfigurationError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Range = ipaddress.IPv4Network | ipaddress.IPv6Network

# WebSockets use the proxy of the scheme that they begin as.
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_PORTS = {"http": 80, "https": 443}
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d+)")
# What a proxy answers by itself in place of the server; 407 is always its own.
_AUTHENTICATE = 407
_REFUSALS = frozenset({403, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; `url` has no password and may be shown."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_authenticated(self) -> bool:
        """Whether it is told who we are."""
        return bool(self.username or self.password)

    @property
    def secret_url(self) -> str:
        """Return the address with name and password in it, which must not be shown."""
        if not self.is_authenticated:
            return self.url
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{quote(self.username, '')}:{quote(self.password, '')}@{rest}"


@dataclass(frozen=True, slots=True)
class Exemption:
    """An entry of NO_PROXY: a range of addresses, or a host with everything below it; without
    `port` all ports of it."""

    port: int | None
    addresses: _Range | None = None
    host: str = ""

    def covers(self, host: str, port: int) -> bool:
        """Return whether this host is reached without a proxy."""
        if self.port not in (None, port):
            return False
        if self.addresses is not None:
            address = _address(host)
            return address is not None and address in self.addresses
        return self.host == "*" or host == self.host or host.endswith(f".{self.host}")


@dataclass(frozen=True, slots=True)
class Network:
    """The proxies of this process by scheme, the hosts reached without one, and the files of
    certificate authorities trusted beside the system's."""

    proxies: Mapping[str, Proxy]
    exemptions: tuple[Exemption, ...] = ()
    authorities: tuple[str, ...] = ()

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy that requests to `url` go through. This machine is never proxied."""
        parts = urlsplit(url)
        scheme = _SCHEMES.get(parts.scheme)
        proxy = self.proxies.get(scheme or "")
        if scheme is None or proxy is None:
            return None
        host, port = _name(parts.hostname or ""), parts.port or _PORTS[scheme]
        if _is_here(host) or any(exempt.covers(host, port) for exempt in self.exemptions):
            return None
        return proxy

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """Return what TLS trusts; one context for all clients, since each costs a megabyte."""
        return _ssl_context(self.authorities)


def network() -> Network:
    """Return the network of this process. Raises ConfigurationError that names the variable."""
    return read_network(dotenv.environment())


def read_network(environment: Mapping[str, str]) -> Network:
    """Return the network that these variables describe; empty ones count as unset."""
    everything = _proxy(environment, "all")
    proxies = {scheme: _proxy(environment, scheme) or everything for scheme in _PORTS}
    entries = re.split(r"[,\s]+", _value(environment, "no"))
    return Network(
        {scheme: proxy for scheme, proxy in proxies.items() if proxy is not None},
        tuple(_exemption(entry) for entry in entries if entry),
        tuple(
            _authority(name, environment[name]) for name in _AUTHORITIES if environment.get(name)
        ),
    )


def is_from_proxy(status: int, content_type: str) -> bool:
    """Return whether a proxy answered in place of the server that it was asked to pass a plain
    request on to: with a status of its own and no JSON, as all our servers answer."""
    return status == _AUTHENTICATE or (status in _REFUSALS and "json" not in content_type)


def refused_by(proxy: Proxy | None, status: int, reason: str) -> str:
    """Return the sentence for a request that its proxy did not pass on."""
    name = f"The proxy {proxy.url}" if proxy else "The proxy"
    said = f"{status} ({reason})" if reason else f"{status}"
    return f"{name} answered {said} and did not pass the request on. {_CHECK}"


def unreachable(proxy: Proxy | None) -> str:
    """Return the sentence for a proxy that cannot be connected to."""
    return f"The proxy {proxy.url if proxy else ''} cannot be reached. {_CHECK}"


_CHECK = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."
UNTRUSTED = (
    "its certificate is not trusted. Where a proxy or a server of your own signs it, set "
    "SSL_CERT_FILE to the file of that certificate authority"
)


def _value(environment: Mapping[str, str], kind: str) -> str:
    """Return the variable of that kind: small letters come first, as in curl and Python."""
    name = f"{kind}_proxy"
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _proxy(environment: Mapping[str, str], kind: str) -> Proxy | None:
    value = _value(environment, kind)
    if not value:
        return None
    parts = _split(value if "://" in value else f"http://{value}")
    if parts is None:
        # The value may have a password in it.
        raise ConfigurationError(
            f"{kind.upper()}_PROXY is not the address of a proxy, such as "
            "http://proxy.example.com:3128 or https://name:password@proxy.example.com. "
            "Other kinds, such as SOCKS, cannot be used."
        )
    host = parts.hostname or ""
    place = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(f"{parts.scheme}://{place}{port}", username, password)


def _split(value: str) -> SplitResult | None:
    """Return the parts of a proxy's address; None for what is none."""
    try:
        parts = urlsplit(value)
        is_sound = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_sound else None


def _exemption(entry: str) -> Exemption:
    """Return what an entry of NO_PROXY means: `example.com`, `.example.com` and `*.example.com`
    are that host and all below it; `10.0.0.0/8`, `[::1]` and `host:8080` are as they look."""
    text = entry.lower().partition("://")[2] or entry.lower()
    addresses = _addresses(text)
    port = None
    if addresses is None and (found := _WITH_PORT.fullmatch(text)):
        text, port = found["host"], int(found["port"])
        addresses = _addresses(text)
    host = text if text == "*" else _name(text.removeprefix("*").lstrip("."))
    return Exemption(port, addresses, host)


def _addresses(text: str) -> _Range | None:
    host, slash, bits = text.partition("/")
    try:
        found = ipaddress.ip_network(f"{host.strip('[]')}{slash}{bits}", strict=False)
    except ValueError:
        return None
    return found


def _name(host: str) -> str:
    """Return a host as it is compared: small letters, ASCII, without a dot at the end."""
    name = host.lower().rstrip(".")
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def _address(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _authority(name: str, value: str) -> str:
    paths = value.split(os.pathsep) if name == "SSL_CERT_DIR" else [value]
    if not all(Path(path).exists() for path in paths):
        raise ConfigurationError(f"{name} names {value}, which does not exist.")
    return value


@cache
def _ssl_context(authorities: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authorities:
        _trust_system(context)
    for path in (Path(each) for value in authorities for each in value.split(os.pathsep)):
        try:
            if path.is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The certificate authorities in {path} cannot be read. They have to be "
                "certificates in PEM form: check SSL_CERT_FILE, SSL_CERT_DIR and "
                "REQUESTS_CA_BUNDLE."
            ) from error
    return context


def _trust_system(context: ssl.SSLContext) -> None:
    """Trust the system's authorities, which OpenSSL forgets where SSL_CERT_FILE is set."""
    paths = ssl.get_default_verify_paths()
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    if file.is_file():
        context.load_verify_locations(cafile=file)
    if folder.is_dir():
        context.load_verify_locations(capath=folder)
