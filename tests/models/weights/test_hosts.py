"""imgcls.models.weights.hosts: whether a host can be reached is found out once, and waited for no longer than once."""

import socket
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from imgcls.models.weights import hosts, network
from weights_site import Site

pytestmark = pytest.mark.usefixtures("no_weights")


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch, hang: Callable[..., None]) -> list[str]:
    """The names that are looked up, each of which hangs."""
    names: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> None:
        names.append(host)
        hang()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


def test_a_host_that_responds(site: Site) -> None:
    """Nothing is requested of it."""
    hosts.begin(f"{site.url}/net")
    hosts.require(f"{site.url}/other")
    assert site.requests == []


def test_the_time_counts_from_the_beginning(lookups: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun before something else took as long is not waited for again, by any request to this host."""
    now = [0.0]
    monkeypatch.setattr(hosts, "CONNECT_SECONDS", 50.0)
    monkeypatch.setattr(hosts, "KNOWN_SECONDS", 100.0)
    monkeypatch.setattr(hosts, "time", SimpleNamespace(monotonic=lambda: now[0]))
    hosts.begin("https://weights.example/a")
    now[0] = 50.0
    started = time.monotonic()
    for name in "abc":
        with pytest.raises(network.NoResponse, match=r"no connection to weights\.example within 50 s"):
            hosts.require(f"https://weights.example/{name}")
    assert time.monotonic() - started < 30
    assert lookups == ["weights.example"]


def test_a_refusal_is_known_for_a_while(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then found out anew, for a program that runs on when its network is back."""
    with pytest.raises(ConnectionRefusedError):
        hosts.require(closed)
    [first] = hosts._attempts.values()
    with pytest.raises(ConnectionRefusedError):
        hosts.require(closed)
    assert [*hosts._attempts.values()] == [first]
    monkeypatch.setattr(hosts, "KNOWN_SECONDS", -1.0)
    with pytest.raises(ConnectionRefusedError):
        hosts.require(closed)
    assert [*hosts._attempts.values()] != [first]


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
def test_a_name_that_no_look_up_takes(host: str) -> None:
    """It is an error at once, as it is for every library."""
    with pytest.raises(UnicodeError):
        hosts.require(f"https://{host}/net")


def test_a_proxy_is_what_is_connected_to(site: Site, lookups: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only it knows the host."""
    monkeypatch.setenv("https_proxy", site.url)
    assert hosts._address("https://weights.example/net") == ("127.0.0.1", site.server_port)
    monkeypatch.setenv("no_proxy", "weights.example")
    assert hosts._address("https://weights.example/net") == ("weights.example", 443)
    monkeypatch.setenv("https_proxy", "socks://[")
    assert hosts._address("https://other.example/net") is None
    assert lookups == []
