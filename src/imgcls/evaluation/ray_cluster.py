"""A connection to a Ray cluster: one that runs already, or one of this machine for as long as it is needed.

Ray is imported only when the first image has to be scored.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any, NamedTuple

from imgcls.errors import ConfigError, MachineError
from imgcls.evaluation import ray_folder
from imgcls.messages import one_line
from imgcls.system import machine

CORES_PER_ACTOR = 8  # docs/decisions.md#cores-of-an-actor
"""The most cores that one actor is granted."""

OBJECT_STORE_BYTES = 80 * 2**20  # docs/decisions.md#parts-on-ray
"""Shared memory of a cluster of this machine, next to what Ray requires at least."""

PROBE_SECONDS = 3.0
"""How long a cluster may take to answer before anything is read."""

ADDRESS_VARIABLE = "RAY_ADDRESS"

AUTHENTICATION = "RAY_AUTH_MODE"

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # lines of its C++, which go past Python's logging
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what other processes report, printed among the lines of this one
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""What Ray reads when it is imported, where the user has not set it."""


class Grant(NamedTuple):
    """The number of actors that a cluster has room for, and the cores and GPUs of each."""

    actors: int
    cpus: int
    gpus: int


@dataclass(slots=True)
class Cluster:
    """``option``: how the user wrote it, for messages. ``address``: None for a cluster of this machine."""

    option: str
    address: str | None
    _disk: ExitStack = field(default_factory=ExitStack, init=False)
    _is_ours: bool = field(default=False, init=False)

    @property
    def _written(self) -> str:
        return f"{self.option} ray={self.address}" if self.address else f"{self.option} ray"

    @property
    def _way(self) -> str:
        return f"start one with ray start --head, or write {self.option} ray for one of this machine"

    def check(self) -> None:
        """Without an import of Ray: whether it is installed, and whether something answers at the address.

        Raises ConfigError and MachineError.
        """
        if util.find_spec("ray") is None:
            raise MachineError(f"{self.option} ray needs a package that is not installed: pip install 'imgcls[ray]'")
        if self.address is None:
            if named := os.environ.get(ADDRESS_VARIABLE):
                raise ConfigError(
                    f"{self.option} ray starts a cluster of this machine, and {ADDRESS_VARIABLE} names another, "
                    f"{named}: write {self.option} ray=auto to join it, or unset {ADDRESS_VARIABLE}"
                )
            return
        self._probe(self._resolved(self.address))

    def _resolved(self, address: str) -> str:
        """HOST:PORT of an address. Raises MachineError where nothing names one, and ConfigError."""
        if address == "auto":
            address = os.environ.get(ADDRESS_VARIABLE) or _started_here()
            if not address:
                raise MachineError(f"{self._written}: no Ray cluster runs here: {self._way}")
        if not re.fullmatch(r"[^:/]+:\d+", address):
            raise ConfigError(
                f"{self._written}: {address} is not an address: write {self.option} ray=HOST:PORT as ray start prints "
                f"it, on a machine of the cluster, or {self.option} ray=auto"
            )
        return address

    def _probe(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=PROBE_SECONDS).close()
        except (OSError, OverflowError) as error:
            silence = f"no Ray cluster answers at {address} ({one_line(error)})"
            raise MachineError(f"{self._written}: {silence}: {self._way}") from error

    def connect(self) -> None:
        """Join the cluster, or start one. Raises MachineError, and ConfigError where this process is in another one."""
        self.check()
        if self.address is None:
            _authenticate()
        ray = _quiet_ray()
        if ray.is_initialized():
            if self.address is None and not self._is_ours:
                raise ConfigError(f"this process is in a Ray cluster already: write {self.option} ray=auto to use it")
            return
        self._is_ours = True
        try:
            with _without_log_lines():
                if self.address is None:
                    self._start()
                else:
                    ray.init(address=self._resolved(self.address), **_LINES)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            way = f": run imgcls on a node of the cluster; where it has a token, with {AUTHENTICATION}=token"
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise MachineError(f"{self._written}: {reason}{way if self.address else ''}") from error

    def _start(self) -> None:
        import ray

        folder = self._disk.enter_context(ray_folder.made(Path(tempfile.gettempdir()), "imgcls-ray-"))
        ray.init(
            address="local",
            num_cpus=machine.threads(),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            _temp_dir=str(folder),
            **_LINES,
        )

    def close(self) -> None:
        """Leave the cluster, and stop it where it was started here."""
        if self._is_ours:
            import ray

            ray.shutdown()
            self._is_ours = False
        self._disk.close()


def _authenticate() -> None:
    """Give clusters of this process a token of their own, before Ray reads these variables while it is imported.

    Otherwise Ray writes a token into the home folder, and takes it for every cluster that is started later.
    """
    if AUTHENTICATION not in os.environ and "ray" not in sys.modules:
        os.environ.update({AUTHENTICATION: "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})


def _started_here() -> str:
    """The address that ``ray start`` left on this machine, whether or not that cluster still runs."""
    temporary = "/tmp" if sys.platform == "darwin" else tempfile.gettempdir()  # noqa: S108 - as Ray has it
    file = Path(os.environ.get("RAY_TMPDIR") or temporary, "ray", "ray_current_cluster")
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeError):  # there is none, or it is another user's
        return ""


def named(option: str, engine: str) -> Cluster:
    """The cluster of ``ray`` or ``ray=ADDRESS``. Raises ConfigError for anything else."""
    name, equals, address = engine.partition("=")
    if name != "ray" or (equals and not address):
        raise ConfigError(
            f"{option} {engine}: not an engine: write {option} ray for a cluster of this machine, or {option} "
            "ray=HOST:PORT"
        )
    return Cluster(option, address or None)


_LINES: Mapping[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
"""Keywords of ``ray.init``, without which lines of other processes are printed."""


def grant(device: str) -> Grant:
    """The actors that the nodes of the connected cluster have room for, all of a size. Raises MachineError."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    kind, per_node = ("GPU", 1) if device.startswith("cuda") else ("CPU", 0)
    usable = [node for node in nodes if node.get(kind, 0) >= 1 and node.get("CPU", 0) >= 1]
    if not usable:
        raise MachineError(f"no node of the Ray cluster has a {kind} for --device {device}: add one with ray start")
    if per_node:
        cpus = max(1, int(min(node["CPU"] // node["GPU"] for node in usable)))
        return Grant(sum(int(node["GPU"]) for node in usable), cpus, 1)
    smallest = int(min(node["CPU"] for node in usable))
    cpus = smallest // -(-smallest // CORES_PER_ACTOR)
    return Grant(sum(int(node["CPU"]) // cpus for node in usable), cpus, 0)


_LOG_LINE = re.compile(rb"\[\d{4}-\d\d-\d\d [\d:,]+ [A-Z] \d+ \d+\] ")
"""How a line of Ray's C++ begins."""


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """While it is open, what Ray's C++ writes on file descriptor 2 is left out; other lines come a moment late."""
    try:
        terminal = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as scratch:
        os.dup2(scratch.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            scratch.seek(0)
            for line in scratch:
                if not _LOG_LINE.match(line):
                    os.write(2, line)


def _quiet_ray() -> Any:
    """The module, imported so that it prints nothing among the lines of this program."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", module=r"ray\.")  # of itself, about its own defaults
    import ray
    import ray.data

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    for handler in logging.getLogger("ray.data").handlers:
        if handler.name == "console":
            handler.setLevel(logging.CRITICAL)
    return ray
