"""Whether there is a network at all, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import islice
from urllib.parse import urlsplit

from imgcls.collect.client import Client
from imgcls.collect.refusal import Refused, Stopped
from imgcls.errors import MachineError
from imgcls.messages import counted

SECONDS = 2.0  # docs/decisions.md#hosts-that-cannot-be-reached
HOSTS = 8  # docs/decisions.md#limits-of-a-collection
"""Of a list of URLs, this many hosts are tried before a machine counts as one without network."""

_POLL_SECONDS = 0.02


def require(client: Client, urls: Sequence[str]) -> None:
    """Raise MachineError unless one of the hosts responds in time; what its robots.txt says is known afterwards.

    In daemon threads, because name look-ups obey no timeout.
    """
    hosts = dict(islice(_by_host(urls).items(), HOSTS))
    faults: dict[str, str] = {}
    for host, url in hosts.items():
        threading.Thread(target=_probe, args=(client, host, url, faults), daemon=True).start()
    ends = time.monotonic() + SECONDS
    while not client.responded.wait(_POLL_SECONDS) and len(faults) < len(hosts) and time.monotonic() < ends:
        pass
    if client.responded.is_set() or not hosts:
        return
    first, *others = hosts
    more = f" and {counted(len(others), 'other host')}" if others else ""
    raise MachineError(
        f"cannot reach {first}{more} within {SECONDS:g} s: {faults.get(first, 'no response')}; check the network, or "
        "set HTTPS_PROXY to its proxy"
    )


def _by_host(urls: Sequence[str]) -> dict[str, str]:
    """The first URL of each host."""
    hosts: dict[str, str] = {}
    for url in urls:
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        if parts.hostname:
            hosts.setdefault(parts.netloc, url)
    return hosts


def _probe(client: Client, host: str, url: str, faults: dict[str, str]) -> None:
    try:
        client.allows(url, may_be_private=True)
    except Refused as error:
        cause = error.__cause__
        faults[host] = cause.detail if isinstance(cause, Refused) else error.detail
    except Stopped:
        return
