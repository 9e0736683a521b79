"""imgcls.doctor.storage: caches that cannot be written, and disks and shared memory without room."""

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from examined import evidence, of_level
from imgcls.doctor import storage

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Caches of one's own below a folder."""
    return {
        "TORCH_HOME": str(tmp_path / "torch"),
        "HF_HOME": str(tmp_path / "hf"),
        "IMGCLS_CACHE": str(tmp_path / "imgcls"),
    }


def _with_free(monkeypatch: pytest.MonkeyPatch, free: int, total: int = 10**12) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))


def test_where_caches_are(tmp_path: Path) -> None:
    """By the variables of torch, Hugging Face and imgcls, in their order, and else in the user's cache."""
    folders = [one.folder for one in storage.places({"XDG_CACHE_HOME": "/c"}, Path("/home/ada"), tmp_path)]
    assert folders[:2] == [Path("/c/torch/hub"), Path("/c/huggingface/hub")]
    assert folders[3] == tmp_path / ".imgcls"
    folders = [one.folder for one in storage.places({}, Path("/home/ada"), tmp_path)]
    assert folders[:2] == [Path("/home/ada/.cache/torch/hub"), Path("/home/ada/.cache/huggingface/hub")]
    given = {"TORCH_HOME": "/t", "HF_HOME": "/h", "HF_HUB_CACHE": "/hub", "IMGCLS_CACHE": "/i"}
    folders = [one.folder for one in storage.places(given, Path("/home/ada"), tmp_path)]
    assert folders[:3] == [Path("/t/hub"), Path("/hub"), Path("/i")]
    folders = [one.folder for one in storage.places({"TORCH_HOME": "~/t", "HF_HOME": "~"}, Path("/home/ada"), tmp_path)]
    assert folders[:2] == [Path("/home/ada/t/hub"), Path("/home/ada/hub")]


def test_they_are_where_the_libraries_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are those of the installed libraries."""
    import torch.hub
    from huggingface_hub import constants

    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    torch_hub, hub, *_ = storage.places(os.environ, Path.home(), Path())
    assert str(torch_hub.folder) == torch.hub.get_dir()
    assert str(hub.folder) == constants.HF_HUB_CACHE


def test_sizes_of_caches(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in each, and what is not there yet; nothing is created."""
    _with_free(monkeypatch, 80 * 10**9)
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "torch" / "hub" / "checkpoints" / "a.pth").write_bytes(bytes(3_000_000))
    texts = [text for text, _ in of_level(storage.caches(evidence(tmp_path, environ=environ)), "ok")]
    assert texts[0] == f"torch hub: {tmp_path / 'torch' / 'hub'}, 3 MB; 80 GB free"
    assert texts[1] == f"Hugging Face: {tmp_path / 'hf' / 'hub'}, not there yet; 80 GB free"
    assert len(texts) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torch"]


def test_a_cache_that_cannot_be_written(tmp_path: Path, environ: dict[str, str]) -> None:
    """A file in the place of its folder; the remedy is another folder."""
    (tmp_path / "hf").write_text("")
    [(text, remedy)] = of_level(storage.caches(evidence(tmp_path, environ=environ)), "broken")
    assert text.startswith(f"Hugging Face: {tmp_path / 'hf' / 'hub'}, not there yet: cannot be written (")
    assert remedy == "export HF_HUB_CACHE=/path/to/another/folder"


@pytest.mark.parametrize(("free", "level"), [(50_000_000, "broken"), (1_000_000_000, "warning"), (3_000_000_000, "ok")])
def test_the_room_on_a_disk(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    """A full disk is broken, one with room for a few files a warning."""
    _with_free(monkeypatch, free)
    assert {one.level for one in storage.caches(evidence(tmp_path, environ=environ))} == {level}


def test_a_disk_that_is_full(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own error is what is reported."""

    def full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    broken = of_level(storage.caches(evidence(tmp_path, environ=environ)), "broken")
    assert all("cannot be written (No space left on device)" in text for text, _ in broken)
    assert broken[3][1] == "--store DIR"


def test_small_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers have 64 MB unless more is requested."""
    monkeypatch.setattr(storage, "SHARED_MEMORY", tmp_path)
    _with_free(monkeypatch, 64_000_000, total=64_000_000)
    warnings = of_level(storage.temporary(evidence()), "warning")
    assert (
        f"shared memory: {tmp_path}, 64 MB: workers that load images may die",
        "docker run --shm-size=1g",
    ) in warnings


def test_no_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nothing can be written at all."""

    def absent() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", absent)
    monkeypatch.setattr(storage, "SHARED_MEMORY", tmp_path / "absent")
    [(text, remedy)] = of_level(storage.temporary(evidence()), "broken")
    assert text == "no folder for temporary files: No usable temporary directory found"
    assert remedy == "export TMPDIR=/path/to/a/folder"


def test_counting_ends(tmp_path: Path) -> None:
    """A cache of a million files is counted as far as that goes in a short time, and links count as links."""
    (tmp_path / "a").write_bytes(bytes(1000))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a")
    size, is_whole = storage.size_of(tmp_path)
    assert is_whole
    assert 1000 < size < 1500
    assert storage.size_of(tmp_path, limit_s=-1) == (1000, False)
