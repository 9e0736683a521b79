"""imgcls.evaluation.ray_engine: an image is not at fault for a file that a node lacks, and parts suit the actors."""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from imgcls.errors import ConfigError, MachineError
from imgcls.evaluation import ray_engine
from imgcls.evaluation.inputs import Rejected
from imgcls.evaluation.pipeline import BatchResult
from imgcls.evaluation.ray_cluster import Cluster, Grant
from imgcls.evaluation.ray_engine import IMAGES_PER_PART, RayEngine
from imgcls.records import blocks
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, Member


@pytest.fixture
def rejected(tmp_path: Path) -> Callable[..., BatchResult]:
    """The result of a node that rejected an image which is readable here."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"bytes")
    image = ImageRef("photos/a.jpg", file, hashlib.sha256(b"bytes").hexdigest(), None)

    def made(reason: str, *, permanent: bool = False) -> BatchResult:
        result = BatchResult(1)
        result.rejected["rule"].append(Rejected(image, reason, "a detail", permanent))
        return result

    return made


@pytest.mark.parametrize("reason", ["missing", "permission", "empty", "unreadable", "changed"])
def test_a_file_that_only_a_node_cannot_read_is_an_error_with_its_name(
    rejected: Callable[..., BatchResult], reason: str
) -> None:
    """A path that is on the driver's machine and not on a node must not become a rejection."""
    with pytest.raises(MachineError) as error:
        ray_engine._check_files(rejected(reason), "node-7")
    assert str(error.value) == (
        f"photos/a.jpg is readable here, and not on the node node-7 ({reason}: a detail): give every node the same "
        "files under the same paths, as on a shared file system"
    )


def test_a_file_that_is_gone_here_too_is_a_rejection(rejected: Callable[..., BatchResult], tmp_path: Path) -> None:
    """As it is without Ray."""
    (tmp_path / "a.jpg").unlink()
    ray_engine._check_files(rejected("missing"), "node-7")


def test_what_is_wrong_with_bytes_is_a_rejection_although_the_file_is_readable_here(
    rejected: Callable[..., BatchResult],
) -> None:
    """The same bytes do not decode here either; and memory is of the node."""
    ray_engine._check_files(rejected("truncated", permanent=True), "node-7")
    ray_engine._check_files(rejected("out_of_memory"), "node-7")


@pytest.mark.parametrize(
    ("images", "actors", "expected"), [(5_000_000, 64, IMAGES_PER_PART), (1000, 1, 120), (1000, 16, 8), (3, 1, 8)]
)
def test_parts_are_smaller_where_there_are_few_images_for_each_actor(images: int, actors: int, expected: int) -> None:
    """Otherwise one actor works at the end and the others wait."""
    assert ray_engine._part_size(images, Grant(actors, 2, 0)) == expected


def test_what_ray_reports_is_one_line() -> None:
    """Its errors carry the tracebacks of other processes."""
    error = RuntimeError("ray::Actor()\n  File ...\nModuleNotFoundError: No module named 'imgcls'\n")
    assert ray_engine._reason(error) == "ModuleNotFoundError: No module named 'imgcls'"
    chained = f"{error}\nThe above exception was the direct cause of the following exception:\n\nray.Error"
    assert ray_engine._reason(RuntimeError(chained)) == "ModuleNotFoundError: No module named 'imgcls'"
    assert ray_engine._reason(ConnectionError()) == "ConnectionError"


def test_models_are_loaded_by_the_actors_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Getting ready is to connect."""
    connected: list[bool] = []
    engine = RayEngine(Cluster("--engine", None), {}, "cpu", lambda _: None)
    monkeypatch.setattr(Cluster, "connect", lambda _: connected.append(True))
    assert (engine.ready([]), connected) == ({}, [True])


def _engine(device: str = "cpu") -> RayEngine:
    return RayEngine(Cluster("--engine", None), {}, device, lambda _: None)


def test_images_that_only_this_process_has_are_refused(tmp_path: Path) -> None:
    """What a function returned as bytes is in no other process; files that it names are."""
    of_bytes = ImageRef("0", Member("python", "python:photos:made", "bytes", (0,)), "00" * 32, None)
    of_file = ImageRef("a.jpg", tmp_path / "a.jpg", "00" * 32, None)
    assert list(_engine()._shared([([of_file], ("net",))])) == [([of_file], ("net",))]
    with pytest.raises(ConfigError) as error:
        list(_engine()._shared([([of_file, of_bytes], ("net",))]))
    assert str(error.value) == (
        "--engine ray: images of python:photos:made are in the memory of this process only: let it return the paths "
        "of files, or leave --engine out"
    )


def test_a_disk_without_room_for_the_parts_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for the list of images; a folder that cannot be made is as full."""
    pytest.importorskip("ray")
    (tmp_path / "file").touch()
    monkeypatch.setattr(blocks, "folder", lambda: tmp_path / "file")
    with pytest.raises(MachineError, match=r"no room for the list of images: .*; free some, or set TMPDIR to"):
        _engine()._parts(ExitStack(), [])


def test_parts_are_on_the_disk_of_listings_for_as_long_as_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for temporary files may be memory."""
    pytest.importorskip("ray")
    monkeypatch.setattr(blocks, "folder", lambda: tmp_path)
    image = ImageRef("a.jpg", tmp_path / "a.jpg", "00" * 32, None)
    with ExitStack() as disk:
        assert _engine()._parts(disk, [([image], ("net",))]).at(0) == ([image], ("net",))
        assert [file.name for file in tmp_path.glob("imgcls-parts-*/*")] == ["parts"]
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_a_gpu_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An actor sees one GPU, which is its first."""
    monkeypatch.chdir(tmp_path)
    work = _engine("cuda:1")._work([], DatasetSpec("photos", tmp_path), Grant(1, 4, 1))
    assert (work.device, work.threads, work.folder) == ("cuda", 4, tmp_path)
