"""The way to the publishers' servers: proxies, certificates, and whether they respond."""

from __future__ import annotations

import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from imgcls.doctor.findings import Evidence, Finding
from imgcls.messages import one_line
from imgcls.models.weights.network import MIRROR, OFFLINE, forbidding
from imgcls.system.background import started

TORCH = "https://download.pytorch.org"
HUGGING_FACE = "https://huggingface.co"

RESPONSE_S = 2.5  # docs/decisions.md#limits-of-the-doctor
SKEW_S = 300  # docs/decisions.md#limits-of-the-doctor

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SCHEMES = ("http", "https")


class Response(NamedTuple):
    """What a server sent: the status of HTTP, and the clock of the server where it stated one."""

    status: int
    seconds: float
    clock: datetime | None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """No other host is contacted."""


def settings(evidence: Evidence) -> Iterator[Finding]:
    """The variables that decide how servers are reached, and which of them cannot work."""
    given = _given(evidence.environ, *PROXIES, "HF_ENDPOINT", MIRROR, *OFFLINE)
    for name, value in given.items():
        yield _of_variable(name, value, evidence)
    certificates = {name: path for name in CERTIFICATES if (path := evidence.environ.get(name))}
    for name, path in certificates.items():
        if not os.path.exists(path):  # noqa: PTH110 - pathlib's may raise
            yield Finding("broken", f"{name}={path} does not exist: no server is trusted", f"unset {name}")
        else:
            yield Finding("ok", f"{name}={path}")
    if not given and not certificates:
        yield Finding("ok", "no proxy and no certificates of your own are set")


def _given(environ: Mapping[str, str], *names: str) -> dict[str, str]:
    """The variables that are set, in small or in capital letters."""
    spellings = (spelling for name in names for spelling in dict.fromkeys((name, name.upper())))
    return {name: value for name in spellings if (value := environ.get(name))}


def _of_variable(name: str, value: str, evidence: Evidence) -> Finding:
    text = f"{name}={value}"
    if name.lower() == "no_proxy" or name in OFFLINE:
        return Finding("ok", text)
    scheme = urlsplit(value).scheme
    example = "https://hub.example.com" if name in {"HF_ENDPOINT", MIRROR} else "http://proxy.example.com:3128"
    if scheme.startswith("socks") and "socksio" not in evidence.packages:
        return Finding("warning", f"{text}: a SOCKS proxy needs a library that is not installed", "pip install socksio")
    if scheme not in {*_SCHEMES, "socks4", "socks5", "socks5h"} or not _has_host(value):
        return Finding("broken", f"{text} is not the URL of a server", f"export {name}={example}")
    return Finding("ok", text)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port
        return False


def connection(evidence: Evidence) -> Iterator[Finding]:
    """Whether the servers that publish weights respond; no other is contacted, and none where that is forbidden."""
    if variable := forbidding(evidence.environ):
        yield Finding("note", f"not tried: {variable} is set, and no weights are fetched", f"unset {variable}")
        return
    if evidence.environ.get(MIRROR):
        yield Finding("ok", f"not tried: weights are fetched from the mirror that {MIRROR} names")
        return
    hosts = (TORCH, (evidence.environ.get("HF_ENDPOINT") or HUGGING_FACE).rstrip("/"))
    waiting = {url: started(lambda url=url: respond(url, evidence.environ)) for url in hosts}  # type: ignore[misc]
    deadline = time.monotonic() + RESPONSE_S
    failures = []
    for url, future in waiting.items():
        try:
            response = future.result(timeout=max(0.0, deadline - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - whatever the network stack raises
            failures.append((url, error))
        else:
            yield from _of_response(url, response)
    yield from _of_failures(failures, len(hosts))


def respond(url: str, environ: Mapping[str, str]) -> Response:
    """The response of a server to a request for the head of its first page. Raises OSError, ValueError for a URL."""
    proxies = {scheme: proxy for scheme in _SCHEMES if (proxy := _proxy(scheme, environ))}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirects)
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "imgcls"})  # noqa: S310 - a publisher
    start = time.monotonic()
    try:
        with opener.open(request, timeout=RESPONSE_S) as response:
            status, date = response.status, response.headers.get("Date")
    except urllib.error.HTTPError as refusal:  # it is there
        with refusal:
            status, date = refusal.code, refusal.headers.get("Date")
    return Response(status, time.monotonic() - start, _clock(date))


def _proxy(scheme: str, environ: Mapping[str, str]) -> str | None:
    given = _given(environ, f"{scheme}_proxy", "all_proxy")
    return next((value for value in given.values() if not value.startswith("socks")), None)


def _clock(date: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(date) if date else None
    except ValueError:
        return None


def _of_response(url: str, response: Response) -> Iterator[Finding]:
    yield Finding("ok", f"{url} responds in {response.seconds:.2f} s")
    skew = abs((datetime.now(UTC) - response.clock).total_seconds()) if response.clock and response.clock.tzinfo else 0
    if skew > SKEW_S:
        yield Finding(
            "warning",
            f"the clock here and that of {url} are {skew / 60:,.0f} minutes apart",
            "timedatectl set-ntp true",
        )


def _of_failures(failures: list[tuple[str, Exception]], hosts: int) -> Iterator[Finding]:
    """One finding where nothing responds for one reason, else one for each server."""
    reasons = {url: _why(error) for url, error in failures}
    if len(reasons) == hosts and len(set(reasons.values())) == 1:
        reasons = {" and ".join(reasons): next(iter(reasons.values()))}
    for urls, why in reasons.items():
        remedy = (
            "export SSL_CERT_FILE=/path/to/certificates.pem (those of your company)"
            if "certificate" in why.lower()
            else "behind a proxy: export HTTPS_PROXY=http://HOST:PORT"
        )
        yield Finding(
            "warning",
            f"not reached: {urls} ({why}); published weights cannot be fetched here; where there "
            "is a network, imgcls weights fetch does",
            remedy,
        )


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no response within {RESPONSE_S:g} s"
    reason = getattr(error, "reason", None)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, TimeoutError):
        return f"no response within {RESPONSE_S:g} s"
    return one_line(reason if isinstance(reason, BaseException) else error)
