"""imgcls.scaffold.examples: what comes with the package, copied and never written over."""

from pathlib import Path

import pytest

from imgcls.scaffold import examples


def test_every_example_is_described() -> None:
    """In one line of the list, and there is no other."""
    folders = {entry.name for entry in examples.folder().iterdir() if entry.is_dir()}
    assert folders - {"__pycache__"} == examples.ABOUT.keys()


def test_copies_are_what_the_package_has(tmp_path: Path) -> None:
    """Every file, with its bytes, and nothing that running an example left behind."""
    copied = examples.copy(tmp_path / "try")
    assert copied.existing == ()
    assert {path.relative_to(tmp_path / "try").parts[0] for path in copied.written} == examples.ABOUT.keys()
    source = Path(str(examples.folder()))
    for file in copied.written:
        assert file.read_bytes() == (source / file.relative_to(tmp_path / "try")).read_bytes()
        assert not {"__pycache__", ".imgcls", "photos", "weights"} & set(file.parts)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """What was changed stays and is named; what is the same is not; what was removed comes again."""
    first, second, *_ = examples.copy(tmp_path).written
    first.write_text("mine")
    second.unlink()
    copied = examples.copy(tmp_path)
    assert copied == examples.Copied(written=(second,), existing=(first,))
    assert first.read_text() == "mine"


def test_links_that_are_there(tmp_path: Path) -> None:
    """They stay, and nothing is written to where they lead."""
    first, second, *_ = examples.copy(tmp_path / "try").written
    for file in (first, second):
        file.unlink()
    first.symlink_to(tmp_path / "absent")
    second.symlink_to(tmp_path)
    assert examples.copy(tmp_path / "try") == examples.Copied(written=(), existing=(first, second))
    assert not (tmp_path / "absent").exists()


def test_what_running_an_example_leaves_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches, and what gather.py brings."""
    source = tmp_path / "examples"
    for name in ("imagenet/weights/a.pth", "imagenet/photos/cat/a.png", "imagenet/.imgcls/x", "ci/__pycache__/x.pyc"):
        (source / name).parent.mkdir(parents=True)
        (source / name).touch()
    (source / "ci" / "a.yml").touch()
    monkeypatch.setattr(examples, "folder", lambda: source)
    assert examples.copy(tmp_path / "try").written == (tmp_path / "try" / "ci" / "a.yml",)
