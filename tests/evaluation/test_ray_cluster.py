"""imgcls.evaluation.ray_cluster: which cluster is used is not guessed, and what cannot be used is one line at once."""

import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from imgcls.errors import ConfigError, MachineError
from imgcls.evaluation import ray_cluster
from imgcls.evaluation.ray_cluster import Cluster, Grant


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster is named by the environment, nor by a file of an earlier one."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of something that listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _unused() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_where_ray_is_not_installed_the_line_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported for that."""
    monkeypatch.setattr(util, "find_spec", {}.get)
    with pytest.raises(MachineError) as error:
        Cluster("--engine", None).check()
    assert str(error.value) == "--engine ray needs a package that is not installed: pip install 'imgcls[ray]'"


def test_a_cluster_that_the_environment_names_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job of Ray it is set, and a cluster of the node itself would be another one."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(ConfigError, match="write --engine ray=auto to join it, or unset RAY_ADDRESS"):
        Cluster("--engine", None).check()


def test_an_address_where_nothing_answers_is_one_line_within_seconds() -> None:
    """Ray itself waits for two minutes, and prints lines of its own."""
    address, started = _unused(), time.monotonic()
    with pytest.raises(MachineError) as error:
        Cluster("--imgcls-engine", address).check()
    assert time.monotonic() - started < 4
    assert str(error.value).startswith(f"--imgcls-engine ray={address}: no Ray cluster answers at {address} (")
    assert str(error.value).endswith(
        "start one with ray start --head, or write --imgcls-engine ray for one of this machine"
    )


def test_auto_is_the_cluster_that_was_started_here(
    tmp_path: Path, listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment names comes first; what an old file names does not answer any more, and is not joined."""
    with pytest.raises(MachineError, match="--engine ray=auto: no Ray cluster runs here: start one"):
        Cluster("--engine", "auto").check()
    file = tmp_path / "ray" / "ray_current_cluster"
    file.parent.mkdir()
    file.write_text(f"{listening}\n")
    Cluster("--engine", "auto").check()
    file.write_text(_unused())
    with pytest.raises(MachineError, match="no Ray cluster answers at"):
        Cluster("--engine", "auto").check()
    monkeypatch.setenv("RAY_ADDRESS", listening)
    Cluster("--engine", "auto").check()


@pytest.mark.parametrize("content", [None, b"\xff:6379"])
def test_an_address_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    """As where the cluster of this machine is another user's; a folder is as unreadable."""
    file = tmp_path / "ray" / "ray_current_cluster"
    file.mkdir(parents=True)
    if content:
        file.rmdir()
        file.write_bytes(content)
    with pytest.raises(MachineError, match="--engine ray=auto: no Ray cluster runs here: start one"):
        Cluster("--engine", "auto").check()


def _imported() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        return pytest.importorskip("ray")


def test_the_cluster_that_answered_is_joined_under_its_address(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not whichever ``auto`` is to Ray by then."""
    ray, joined = _imported(), list[str]()
    monkeypatch.setattr(ray_cluster, "_quiet_ray", lambda: ray)
    monkeypatch.setattr(ray, "init", lambda address, **_: joined.append(address))
    monkeypatch.setenv("RAY_ADDRESS", listening)
    Cluster("--engine", "auto").connect()
    assert joined == [listening]


def test_a_token_that_is_missing_is_one_line(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's error of it is none of Python's."""
    ray = _imported()

    def refused(**_: object) -> None:
        raise ray.exceptions.RayError("no authentication token was found.\nAnd more")

    monkeypatch.setattr(ray_cluster, "_quiet_ray", lambda: ray)
    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(MachineError) as error:
        Cluster("--engine", listening).connect()
    assert str(error.value) == (
        f"--engine ray={listening}: no authentication token was found: run imgcls on a node of the cluster; where it "
        "has a token, with RAY_AUTH_MODE=token"
    )


@pytest.mark.parametrize("address", ["banana", "ray://host:10001", "host:", "host:port"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    """Also a client's address: the driver has to be on a node of the cluster."""
    with pytest.raises(ConfigError, match=r"is not an address: write --engine ray=HOST:PORT as ray start prints it"):
        Cluster("--engine", address).check()


def test_check_imports_nothing_of_ray(listening: str) -> None:
    """It comes before files are hashed, and where all predictions are stored Ray is not needed at all."""
    code = (
        "import sys; from imgcls.evaluation.ray_cluster import Cluster; import imgcls.evaluation.ray_engine\n"
        f"Cluster('--engine', {listening!r}).check(); Cluster('--engine', None).check()\n"
        "print([name for name in ('ray', 'torch', 'pyarrow') if name in sys.modules])"
    )
    import in_process

    environment = {"RAY_TMPDIR": os.environ["RAY_TMPDIR"]}
    assert in_process.run_process("-c", code, **environment).stdout.str() == "[]"


NODES = {
    "two alike": ([{"CPU": 4.0}, {"CPU": 4.0}], "cpu", Grant(2, 4, 0)),
    "a head without cores": ([{}, {"CPU": 2.0}], "cpu", Grant(1, 2, 0)),
    "many cores": ([{"CPU": 64.0}], "cpu", Grant(8, 8, 0)),
    "a number that eight does not divide": ([{"CPU": 12.0}], "cpu", Grant(2, 6, 0)),
    "unlike": ([{"CPU": 4.0}, {"CPU": 64.0}], "cpu", Grant(17, 4, 0)),
    "GPUs": ([{"CPU": 16.0, "GPU": 4.0}, {"CPU": 8.0}], "cuda", Grant(4, 4, 1)),
    "more GPUs than cores": ([{"CPU": 2.0, "GPU": 4.0}], "cuda", Grant(4, 1, 1)),
}


def _nodes(monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, float]]) -> None:
    nodes = [{"Alive": True, "Resources": one} for one in resources] + [{"Alive": False, "Resources": {"CPU": 1.0}}]
    monkeypatch.setattr(_imported(), "nodes", lambda: nodes)


@pytest.mark.parametrize(("resources", "device", "expected"), NODES.values(), ids=list(NODES))
def test_actors_are_as_many_as_fit(
    monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, float]], device: str, expected: Grant
) -> None:
    """All of a size that fits the smallest node, on at most 8 cores; of nodes that are alive."""
    _nodes(monkeypatch, resources)
    assert ray_cluster.grant(device) == expected


def test_a_cluster_without_what_the_device_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would wait for ever."""
    _nodes(monkeypatch, [{"CPU": 8.0}])
    with pytest.raises(MachineError, match="no node of the Ray cluster has a GPU for --device cuda"):
        ray_cluster.grant("cuda")


def test_log_lines_of_ray_are_left_out_and_others_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    """Its C++ writes past Python's streams."""
    with ray_cluster._without_log_lines():
        os.write(2, b"[2026-11-29 19:53:58,594 I 21161 21161] logging.cc:303: Set ray log level\n")
        os.write(2, b"photos: 12 of 80 images\n")
    assert capfd.readouterr().err == "photos: 12 of 80 images\n"


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are not inherited there")
def test_where_there_is_no_standard_error_nothing_is_left_out() -> None:
    """A closed descriptor is not an error."""
    import in_process

    code = (
        "import os; os.close(2)\nfrom imgcls.evaluation import ray_cluster\n"
        "with ray_cluster._without_log_lines(): print('inside')"
    )
    assert in_process.run_process("-c", code).stdout.str() == "inside"
