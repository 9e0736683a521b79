"""Addresses of the public internet and others, and connections that reach only the former.

A search result or a redirect that names this machine or its network would let a stranger send requests there.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Mapping
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from imgcls.collect.refusal import Refused

HEADER_SECONDS = 20.0  # docs/decisions.md#limits-of-a-collection
"""A server that has not sent all headers by then is given up, however slowly it still sends."""


def is_private(host: str) -> bool:
    """Whether a name or an address is, or stands for, one that is not of the public internet."""
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(_is_private_address(str(address[0])) for *_, address in resolved)


def require_public(host: str) -> None:
    """Raise Refused where an address stands in a URL itself, and is private: a proxy would connect to it."""
    name = host.rstrip(".")
    try:
        is_refused = _is_private_address(_without_shorthand(name))
    except ValueError:
        is_refused = name == "localhost" or name.endswith(".localhost")
    if is_refused:
        raise _refusal(host)


def _without_shorthand(host: str) -> str:
    """An address such as ``127.1`` or ``0x7f000001`` in its four numbers; anything else as it is."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return host


def _is_private_address(text: str) -> bool:
    """Raises ValueError for what is not an address."""
    address = ipaddress.ip_address(text)
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def _refusal(address: str) -> Refused:
    return Refused("private_address", f"{address} is not an address of the public internet")


class _InTime:
    """A connection that waits only so long for headers."""

    sock: socket.socket

    def getresponse(self) -> Any:
        timer = threading.Timer(HEADER_SECONDS, _shut, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc]  # of the connection that this is mixed into
        finally:
            timer.cancel()


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed by now
        return


class _Public:
    """A connection to a public address, whatever its name stood for when it was looked up before."""

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # of the connection that this is mixed into
        address = sock.getpeername()[0]
        if _is_private_address(address):
            sock.close()
            raise _refusal(address)
        return sock


class _HTTP(_InTime, HTTPConnection): ...


class _HTTPS(_InTime, HTTPSConnection): ...


class _PublicHTTP(_Public, _HTTP): ...


class _PublicHTTPS(_Public, _HTTPS): ...


class _Pool(HTTPConnectionPool):
    ConnectionCls = _HTTP


class _PoolS(HTTPSConnectionPool):
    ConnectionCls = _HTTPS


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTP


class _PublicPoolS(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS


class Adapter(HTTPAdapter):
    """Connections to any address."""

    pools: Mapping[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _PoolS}

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = dict(self.pools)


class PublicAdapter(Adapter):
    """Connections only to addresses of the public internet. They raise Refused. A proxy's own address may be any."""

    pools: Mapping[str, type[HTTPConnectionPool]] = {"http": _PublicPool, "https": _PublicPoolS}
