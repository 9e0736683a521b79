"""Runs of a folder by their time, and versions of a file by their commit."""

import os
import subprocess
from pathlib import Path

import pytest

import run_parts
from builders import LFS_POINTER
from imgcls.comparison.run_sources import Runs
from imgcls.errors import ConfigError, MachineError
from run_rows import make_run


def _run(number: int, lost: int, file: Path) -> None:
    run_parts.write(make_run(number, lost, images=5), file.parent)
    (file.parent / f"r{number}.json").replace(file)


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *names, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-m", message)


def test_a_folder_has_its_runs_by_time(tmp_path: Path) -> None:
    """Whatever they are called; what is not a run is left out with its reason."""
    _run(2, 0, tmp_path / "a.json")
    _run(1, 1, tmp_path / "b.json")
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "d.json").write_bytes((tmp_path / "a.json").read_bytes()[:300])
    (tmp_path / "notes.txt").write_text("not looked at")
    runs = Runs(tmp_path)
    assert [name for name, _ in runs.read()] == ["b", "a"]
    assert [line.partition(": not a result")[0] for line in runs.left_out] == [
        f"left out: {tmp_path / 'c.json'}", f"left out: {tmp_path / 'd.json'}",
    ]  # fmt: skip


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    """With what is in it, and the command that saves one."""
    with pytest.raises(ConfigError, match=r"no saved run in it; save one there with imgcls score --save FILE.json"):
        list(Runs(tmp_path).read())
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"no saved run in it: left out: .*c.json: not a result document"):
        list(Runs(tmp_path).read())


@pytest.mark.parametrize("name", ["main.json", "-f.json", ":(top)x.json", "a b\u202e.json"])
def test_every_committed_version_is_a_run(tmp_path: Path, name: str) -> None:
    """The oldest first, named by its commit; a deletion and a version that is not a run are not among them."""
    _git(tmp_path, "init", "-q")
    file = tmp_path / name
    _run(0, 0, file)
    _commit(tmp_path, "one")
    file.write_bytes(LFS_POINTER)
    _commit(tmp_path, "a pointer")
    file.unlink()
    _commit(tmp_path, "gone")
    _run(1, 2, file)
    _commit(tmp_path, "two")
    _run(2, 3, file)  # not committed
    runs = Runs(file)
    read = list(runs.read())
    assert [part.report.results[0].top1_count for _, part in read] == [5, 3]
    assert all(len(commit) >= 7 for commit, _ in read)
    [line] = runs.left_out
    assert "of commit" in line
    assert "LFS" in line


def test_a_file_without_versions_is_one_message(tmp_path: Path) -> None:
    """Outside of a repository, not committed, or not there at all."""
    _run(0, 0, tmp_path / "main.json")
    with pytest.raises(ConfigError, match=r"git has no versions of it \(not a git repository.*name a folder of them"):
        list(Runs(tmp_path / "main.json").read())
    _git(tmp_path, "init", "-q")
    (tmp_path / "other.txt").write_text("")
    _git(tmp_path, "add", "other.txt")
    _git(tmp_path, "commit", "-m", "other")
    with pytest.raises(ConfigError, match=r"main.json: no saved run in it"):
        list(Runs(tmp_path / "main.json").read())
    with pytest.raises(ConfigError, match="there is no folder or file of this name"):
        list(Runs(tmp_path / "none" / "main.json").read())


def test_without_git_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder needs none."""
    monkeypatch.setenv("PATH", "")
    _run(0, 0, tmp_path / "main.json")
    with pytest.raises(MachineError, match="its versions are read with git, which is not installed here"):
        list(Runs(tmp_path / "main.json").read())
    assert len(list(Runs(tmp_path).read())) == 1
