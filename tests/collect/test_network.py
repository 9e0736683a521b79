"""imgcls.collect.network: without a network there is one line, and soon."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from collect_site import Site, status
from imgcls.collect import network
from imgcls.collect.client import Client
from imgcls.collect.pace import Pace
from imgcls.errors import MachineError

NOBODY = "http://127.0.0.1:9/a.jpg"


@pytest.fixture
def client() -> Iterator[Client]:
    stop = threading.Event()
    made = Client(Pace(1000, stop.wait), stop)
    yield made
    stop.set()
    made.close()


@pytest.mark.parametrize("code", [200, 404, 500])
def test_a_host_that_responds(client: Client, site: Site, code: int) -> None:
    """Whatever its status, there is a network; one host of several is enough."""
    site.paths["/robots.txt"] = status(code)
    network.require(client, [NOBODY, f"{site.url}/a.jpg"])
    assert client.responded.is_set()


def test_no_host_responds(client: Client) -> None:
    """The first host is named, what is wrong with it, and what to do."""
    with pytest.raises(MachineError) as caught:
        network.require(client, [NOBODY, "http://127.0.0.1:10/a.jpg", NOBODY])
    assert str(caught.value) == (
        "cannot reach 127.0.0.1:9 and 1 other host within 2 s: no connection (Connection refused); "
        "check the network, or set HTTPS_PROXY to its proxy"
    )


def test_a_host_that_is_silent(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch, hang: Callable[..., None]
) -> None:
    """A look-up or a server that takes too long is not waited for."""
    monkeypatch.setattr(network, "SECONDS", 0.2)
    site.paths["/robots.txt"] = hang
    started = time.monotonic()
    with pytest.raises(MachineError, match=r"within 0\.2 s: no response; check the network"):
        network.require(client, [f"{site.url}/a.jpg"])
    assert time.monotonic() - started < 30


def test_urls_without_a_host(client: Client) -> None:
    """They say nothing of the network: nothing is requested, and no error raised."""
    network.require(client, ["file:///etc/passwd", "http://[x/"])
    assert not client.responded.is_set()
