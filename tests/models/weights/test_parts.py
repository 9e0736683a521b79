"""imgcls.models.weights.parts: a file gets its name when it is whole, whatever happens to its process."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from imgcls.models.weights import parts
from imgcls.models.weights.transfer import Expected
from weights_site import Reply, Site


@pytest.fixture(autouse=True)
def _no_proxies(no_weights: None) -> None:
    """None of this machine."""


def test_several_at_once_fetch_it_once(site: Site, tmp_path: Path) -> None:
    """The others wait, and take what is there then; nothing but the file is left."""
    site.replies["/net"] = Reply(b"weights")
    place = tmp_path / "net"
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda _: parts.fetched(f"{site.url}/net", Expected(), tmp_path, place), range(4)))
    assert fetched == [place] * 4
    assert len(site.requests) == 1
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_may_depend_on_the_hash(site: Site, tmp_path: Path) -> None:
    """It is known when the file is there."""
    site.replies["/net"] = Reply(b"weights")
    path = parts.fetched(f"{site.url}/net", Expected(), tmp_path, lambda result: tmp_path / result.sha256[:8] / "net")
    assert path.read_bytes() == b"weights"
    assert path.parent.name == "9a129038"


def test_a_killed_process_leaves_a_part_that_is_continued(site: Site, tmp_path: Path) -> None:
    """Killed in the middle, it leaves no file under its name, and the next one requests the rest only."""
    stall = threading.Event()
    site.replies["/net"] = Reply(b"half" * 1000, stall=stall)
    program = (
        "import sys; from pathlib import Path; from imgcls.models.weights import parts, transfer\n"
        "folder = Path(sys.argv[2]); parts.fetched(sys.argv[1], transfer.Expected(), folder, folder / 'net')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, f"{site.url}/net", str(tmp_path)])
    try:
        _wait_for(tmp_path / parts.FOLDER, 2000)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        stall.set()
    assert not (tmp_path / "net").exists()
    site.replies["/net"] = Reply(b"half" * 1000)
    parts.fetched(f"{site.url}/net", Expected(), tmp_path, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == b"half" * 1000
    assert site.ranges == [None, "bytes=2000-"]


def _wait_for(folder: Path, size: int) -> None:
    """Until a part has this many bytes."""
    waiting = threading.Event()
    for _ in range(400):
        if any(part.stat().st_size == size for part in folder.glob("*.part")):
            return
        waiting.wait(0.05)
    pytest.fail("nothing was received within 20 s")


def test_a_folder_that_another_process_removes_is_made_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether that happens while it is made, or before the lock in it is."""
    site.replies["/net"] = Reply(b"weights")
    faults = [FileNotFoundError, FileExistsError]

    def mkdir(folder: Path, *arguments: Any, make: Any = Path.mkdir, **options: Any) -> None:
        if folder.name == parts.FOLDER and faults:
            raise faults.pop()
        make(folder, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert parts.fetched(f"{site.url}/net", Expected(), tmp_path, tmp_path / "net").read_bytes() == b"weights"
    assert faults == []


def test_a_file_in_the_place_of_the_folder_is_an_error(site: Site, tmp_path: Path) -> None:
    (tmp_path / parts.FOLDER).write_text("")
    with pytest.raises(FileExistsError):
        parts.fetched(f"{site.url}/net", Expected(), tmp_path, tmp_path / "net")
