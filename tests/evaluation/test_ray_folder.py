"""imgcls.evaluation.ray_folder: a folder is there while it is open, and none stays, however its process ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from imgcls.evaluation import ray_folder

HOLDER = """
import sys
from pathlib import Path
from imgcls.evaluation import ray_folder

with ray_folder.made(Path(sys.argv[1]), "parts-") as folder:
    (folder / "file").touch()
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_there_while_it_is_open(tmp_path: Path) -> None:
    """For this user only."""
    with ray_folder.made(tmp_path, "parts-") as folder:
        assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_where_what_is_done_inside_fails(tmp_path: Path) -> None:
    """As where the disk is full, or at Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), ray_folder.made(tmp_path, "parts-"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_folders_of_dead_processes_are_removed_and_those_of_others_are_not(tmp_path: Path) -> None:
    """What is called otherwise, or has no lock, is not ours."""
    (tmp_path / "parts-of-another-program").mkdir()
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        name = holder.stdout.readline().strip()
        with ray_folder.made(tmp_path, "parts-"):
            assert (tmp_path / name / "file").is_file()
        holder.kill()
    assert (tmp_path / name / "file").is_file()
    with ray_folder.made(tmp_path, "parts-"):
        assert not (tmp_path / name).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "parts-of-another-program"]


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    """Which its caller puts into words."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), ray_folder.made(tmp_path / "file", "parts-"):
        pass
