"""imgcls.doctor.network: proxies that cannot work, and servers on the loopback that respond, hang, or redirect."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from examined import evidence, of_level
from imgcls.doctor import network
from imgcls.doctor.findings import Finding


class _Handler(http.server.BaseHTTPRequestHandler):
    """A server with a page, with a page for members, with a redirect, and with a clock of another day."""

    requests: list[str]

    def do_HEAD(self) -> None:
        type(self).requests.append(self.path)
        status = {"/forbidden": 403, "/moved": 302}.get(self.path, 200)
        self.send_response_only(status)
        if self.path == "/moved":
            self.send_header("Location", "http://elsewhere.invalid/")
        self.send_header("Date", formatdate(time.time() + (86_400 if self.path == "/tomorrow" else 0), usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of a server; no proxy is between."""
    handler = type("Handler", (_Handler,), {"requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refused() -> str:
    """The URL of a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def _connection(monkeypatch: pytest.MonkeyPatch, torch: str, hub: str) -> list[Finding]:
    monkeypatch.setattr(network, "TORCH", torch)
    return list(network.connection(evidence(environ={"HF_ENDPOINT": hub})))


@pytest.mark.parametrize("path", ["/page", "/forbidden", "/moved"])
def test_servers_that_respond(server: str, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Whatever they send, they are there; a redirect is not followed to another host."""
    results = _connection(monkeypatch, server, server + path)
    assert [one.level for one in results] == ["ok", "ok"]
    assert results[1].text.startswith(f"{server}{path} responds in 0.")


def test_no_server_is_reached(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network it is one warning, with what still can be done."""
    [finding] = _connection(monkeypatch, refused, f"{refused}/hub")
    assert finding.level == "warning"
    assert finding.text.startswith(f"not reached: {refused} and {refused}/hub ([Errno 111] Connection refused); ")
    assert "imgcls weights fetch" in finding.text
    assert finding.remedy == "behind a proxy: export HTTPS_PROXY=http://HOST:PORT"


def test_one_server_of_two_is_reached(server: str, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that lets one through."""
    results = _connection(monkeypatch, server, refused)
    assert [one.level for one in results] == ["ok", "warning"]


def test_servers_that_hang_are_waited_for_once(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both together take no longer than the limit, which is below three seconds."""
    assert network.RESPONSE_S < 3
    monkeypatch.setattr(network, "RESPONSE_S", 0.3)
    start = time.monotonic()
    [finding] = _connection(monkeypatch, silent, f"{silent}/hub")
    assert time.monotonic() - start < 30
    assert "(no response within 0.3 s)" in finding.text


def test_names_that_do_not_resolve_in_time(monkeypatch: pytest.MonkeyPatch, hang: Callable[..., None]) -> None:
    """A look-up of a name obeys no timeout, and does not hold up the command."""
    monkeypatch.setattr(network, "RESPONSE_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    [finding] = _connection(monkeypatch, "http://a.invalid", "http://b.invalid")
    assert time.monotonic() - start < 30
    assert finding.level == "warning"


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "note"),
        ({"TRANSFORMERS_OFFLINE": "true"}, "note"),
        ({"IMGCLS_WEIGHTS_MIRROR": "https://mirror.example.com"}, "ok"),
    ],
)
def test_where_nothing_is_fetched_nothing_is_contacted(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], level: str
) -> None:
    """Offline, and where a mirror takes the place of the publishers."""
    monkeypatch.setattr(network, "respond", lambda *_: pytest.fail("a server was contacted"))
    [finding] = network.connection(evidence(environ=environ))
    assert (finding.level, finding.text[:10]) == (level, "not tried:")


def test_only_the_publishers_are_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's server, and Hugging Face or the endpoint in its place."""
    urls: list[str] = []

    def respond(url: str, _: object) -> network.Response:
        urls.append(url)
        return network.Response(200, 0.1, None)

    monkeypatch.setattr(network, "respond", respond)
    list(network.connection(evidence()))
    list(network.connection(evidence(environ={"HF_ENDPOINT": "https://hub.example.com/"})))
    assert set(urls) == {"https://download.pytorch.org", "https://huggingface.co", "https://hub.example.com"}


def test_the_clock_of_a_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a day off here is found by that of a server."""
    results = _connection(monkeypatch, server, f"{server}/tomorrow")
    [(text, remedy)] = of_level(results, "warning")
    assert text in {
        f"the clock here and that of {server}/tomorrow are {minutes} minutes apart" for minutes in ("1,440", "1,439")
    }
    assert remedy == "timedatectl set-ntp true"


def test_a_proxy_is_asked_for_the_servers(server: str) -> None:
    """As the downloaders would."""
    response = network.respond("http://download.invalid/file", {"http_proxy": server})
    assert response.status == 200


@pytest.mark.parametrize(
    ("environ", "level", "words"),
    [
        ({}, "ok", "no proxy and no certificates of your own are set"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "ok", "HTTPS_PROXY=http://proxy:3128"),
        ({"IMGCLS_WEIGHTS_MIRROR": "mirror"}, "broken", "IMGCLS_WEIGHTS_MIRROR=mirror is not the URL of a server"),
        ({"no_proxy": "localhost,.example.com"}, "ok", "no_proxy=localhost,.example.com"),
        ({"https_proxy": "proxy:3128"}, "broken", "https_proxy=proxy:3128 is not the URL of a server"),
        ({"HTTP_PROXY": "http://proxy:port"}, "broken", "HTTP_PROXY=http://proxy:port is not the URL of a server"),
        ({"HF_ENDPOINT": "hub.example.com"}, "broken", "HF_ENDPOINT=hub.example.com is not the URL of a server"),
        ({"ALL_PROXY": "socks5://proxy:1080"}, "warning", "ALL_PROXY=socks5://proxy:1080: a SOCKS proxy needs"),
        ({"SSL_CERT_FILE": "/absent.pem"}, "broken", "SSL_CERT_FILE=/absent.pem does not exist"),
        ({"REQUESTS_CA_BUNDLE": "/"}, "ok", "REQUESTS_CA_BUNDLE=/"),
    ],
)
def test_variables(environ: dict[str, str], level: str, words: str) -> None:
    """Those that cannot work are named with what would."""
    [finding] = network.settings(evidence(environ=environ))
    assert finding.level == level
    assert finding.text.startswith(words)
    assert bool(finding.remedy) == (level != "ok")


def test_a_certificate_that_is_not_trusted() -> None:
    """Companies that look into connections have their own: the remedy is its file."""
    import ssl
    import urllib.error

    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate in certificate chain"
    [finding] = network._of_failures([("https://huggingface.co", urllib.error.URLError(error))], hosts=2)
    assert "(its certificate is not trusted: self-signed certificate in certificate chain)" in finding.text
    assert finding.remedy.startswith("export SSL_CERT_FILE=")


def test_paths_of_certificates_that_exist(tmp_path: Path) -> None:
    """They are printed, as they decide whom this machine trusts."""
    [finding] = network.settings(evidence(environ={"CURL_CA_BUNDLE": str(tmp_path)}))
    assert finding == Finding("ok", f"CURL_CA_BUNDLE={tmp_path}")
