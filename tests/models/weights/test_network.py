"""imgcls.models.weights.network: nothing waits long, and every failure has one sentence."""

import socket
import time
from collections.abc import Callable

import pytest

from imgcls.models.weights import network


def test_the_limit_holds_for_whatever_is_requested(monkeypatch: pytest.MonkeyPatch, hang: Callable[..., None]) -> None:
    """A request that hangs without a timeout of its own is given up."""
    monkeypatch.setattr(network, "RESPONSE_SECONDS", 0.05)
    started = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        network.in_time(hang)
    assert time.monotonic() - started < 30
    assert network.why(caught.value) == "no response within 0.05 s"


def test_what_a_request_raises_is_raised() -> None:
    """As it is."""

    def refused() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        network.in_time(refused)


def test_the_first_cause_is_the_reason() -> None:
    """Libraries wrap what the system states."""
    error = RuntimeError("see above")
    error.__cause__ = OSError("Network is unreachable")
    assert network.why(error) == "Network is unreachable"


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("ON", True), ("0", False), ("", False)])
def test_variables_of_hugging_face_forbid_requests(
    monkeypatch: pytest.MonkeyPatch, value: str, *, expected: bool
) -> None:
    """Read as its own library reads them."""
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert network.is_forbidden() == expected


def test_a_mirror_has_host_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the query, and with the port where there is one."""
    monkeypatch.delenv(network.MIRROR, raising=False)
    assert network.mirrored("https://weights.example/net.pth") is None
    monkeypatch.setenv(network.MIRROR, "https://mirror.example/w")
    assert network.mirrored("https://weights.example/a/net.pth?x=1") == (
        "https://mirror.example/w/weights.example/a/net.pth"
    )
    assert network.mirrored("http://h:81/n") == "https://mirror.example/w/h:81/n"


def test_the_timeout_of_sockets_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds within the context only."""
    monkeypatch.setattr(network, "STALL_SECONDS", 7.0)
    with network.stalls_end():
        assert socket.getdefaulttimeout() == 7.0
    assert socket.getdefaulttimeout() is None
