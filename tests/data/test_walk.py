"""imgcls.data.walk: every path below a folder, in the order of whole paths, whatever the folders are called."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.data import walk
from imgcls.messages import path_text

NAMES = st.text("a-./ \\xé~0", min_size=1, max_size=8).filter(
    lambda path: not path.startswith("/") and not {"", ".", ".."} & set(path.split("/"))
)


@settings(max_examples=40)
@given(st.sets(NAMES, max_size=12))
def test_the_order_is_that_of_whole_paths(names: set[str]) -> None:
    """``a-b`` and ``a.b`` come between the file ``a`` and what is in a folder ``a``, as sorted texts have them."""
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(names):
            file = Path(folder, name)
            if not any(parent.is_file() for parent in file.parents) and not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
        files = [file.relative_to(folder) for file in Path(folder).rglob("*") if file.is_file()]
        assert [file.relative_to(folder) for file, _ in walk.below(Path(folder))] == sorted(files, key=path_text)


def test_only_folders_on_the_way_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is listed when its turn comes, not before."""
    for name in ("a/1", "b/c/1", "d/1"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    events, really = list[str](), os.scandir

    def scandir(path: str) -> object:
        events.append(f"list {Path(path).name}")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for file, _ in walk.below(tmp_path):
        events.append(f"file {file.parent.name}")
    assert events == [
        f"list {tmp_path.name}", "list a", "file a", "list b", "list c", "file c", "list d", "file d",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_listed_is_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with the error, also where it is called like an image; so is the folder itself."""
    for name in ("b", "b.png", "b-", "a.png"):
        (tmp_path / name).mkdir()
    (tmp_path / "b-" / "1").touch()
    really, refused = os.scandir, {str(tmp_path / "b"), str(tmp_path / "b.png")}

    def scandir(path: str) -> object:
        if path in refused:
            raise PermissionError(13, "Permission denied", path)
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listed = [(str(file.relative_to(tmp_path)), bool(fault)) for file, fault in walk.below(tmp_path)]
    assert listed == [("a.png", False), ("b", True), ("b-/1", False), ("b.png", True)]
    refused.add(str(tmp_path))
    [(file, fault)] = walk.below(tmp_path)
    assert (file, type(fault)) == (tmp_path, PermissionError)
