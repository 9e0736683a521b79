"""imgcls.collect.addresses: what is of the public internet, and what no stranger may send requests to."""

import socket
import threading
import time
from typing import Any

import pytest
import requests

from collect_site import Site, body
from imgcls.collect import addresses
from imgcls.collect.refusal import Refused


@pytest.mark.parametrize(
    ("host", "is_private"),
    [
        ("127.0.0.1", True), ("localhost", True), ("10.1.2.3", True), ("192.168.0.1", True), ("169.254.169.254", True),
        ("::1", True), ("fe80::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.1", True), ("100.64.0.1", True),
        ("8.8.8.8", False), ("2001:4860:4860::8888", False), ("::ffff:8.8.8.8", False),
    ],
)  # fmt: skip
def test_which_are_private(host: str, is_private: bool) -> None:
    """This machine, its network, and what a provider has for its own machines, in every spelling."""
    assert addresses.is_private(host) is is_private
    if is_private:
        with pytest.raises(Refused, match=r"is not an address of the public internet"):
            addresses.require_public(host)
    else:
        addresses.require_public(host)


def test_other_spellings(site: Site) -> None:
    """What the system takes for 127.0.0.1 is not connected to either: the address of the connection counts."""
    session = requests.Session()
    session.mount("http://", addresses.PublicAdapter())
    for spelling in ("2130706433", "127.1", "0x7f.1", "127.0.0.1.", "localhost."):
        with pytest.raises(Refused, match=r"is not an address of the public internet"):
            addresses.require_public(spelling)
    for spelling in ("2130706433", "127.1", "0x7f.1"):
        with pytest.raises(Refused, match=r"^private_address: 127\.0\.0\.1 is not"):
            session.get(f"http://{spelling}:{site.port}/")
    assert site.received == []
    session.close()


def test_a_name_that_changes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was public when it was looked up, and is private when it is connected to, gets no request."""
    resolve = socket.getaddrinfo

    def rebound(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "photos.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    session = requests.Session()
    session.mount("http://", addresses.PublicAdapter())
    with pytest.raises(Refused, match=r"private_address"):
        session.get(f"http://photos.example:{site.port}/")
    session.close()
    assert site.received == []


def test_any_address(site: Site) -> None:
    """The other adapter connects to this machine."""
    site.paths["/a"] = body(b"here")
    session = requests.Session()
    session.mount("http://", addresses.Adapter())
    assert session.get(f"{site.url}/a").content == b"here"
    session.close()


def test_headers_come_in_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends headers letter by letter is given up."""
    ended = threading.Event()

    def slowly(handler: Any, _count: int) -> None:
        while not ended.wait(0.02):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    site.paths["/slow"] = slowly
    monkeypatch.setattr(addresses, "HEADER_SECONDS", 0.1)
    session = requests.Session()
    session.mount("http://", addresses.Adapter())
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        session.get(f"{site.url}/slow", timeout=60)
    assert time.monotonic() - started < 30
    ended.set()
    session.close()
