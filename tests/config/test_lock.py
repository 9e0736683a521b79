"""imgcls.config.lock: ``imgcls.lock`` is read as it was written, and names what is wrong in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.config import loader, lock
from imgcls.errors import ConfigError
from imgcls.records.weights import LockedFile, WeightsLock

SHA = "0123456789abcdef" * 4
OF_URL = LockedFile("net.pth", SHA, 7, url="https://weights.example/net.pth", models=("b", "a"))
OF_HUB = LockedFile(
    "model.safetensors", SHA, 9, repository="org/net", commit="f" * 40, licence="mit", licence_from="the model card"
)
ENTRY = f'format = 1\n[[file]]\nname = "net.pth"\nsha256 = "{SHA}"\nsize = 7\n'


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every value, with paths that are relative to the lock in the file and whole afterwards."""
    own = LockedFile("own.pth", SHA, 1, path=tmp_path / "weights" / "own.pth", models=("own",))
    written = WeightsLock(tmp_path / "imgcls.lock", (OF_URL, OF_HUB, own))
    lock.write(written)
    read = lock.read(written.file)
    assert read.entry(OF_HUB.as_published()) is None  # that one names the commit
    assert {entry.source: entry for entry in read.files} == {
        OF_URL.source: replace(OF_URL, models=("a", "b")),
        OF_HUB.source: OF_HUB,
        own.source: own,
    }
    assert 'path = "weights/own.pth"' in written.file.read_text()


def test_every_name_is_read_as_it_was(tmp_path: Path) -> None:
    """Whatever a file is called, also with a character that JSON has as it is and TOML has not."""
    name = 'a\x7f\t"\u2028.pth'
    file = tmp_path / "imgcls.lock"
    lock.write(WeightsLock(file, (LockedFile(name, SHA, 1, path=tmp_path / name, models=(name,)),)))
    [entry] = lock.read(file).files
    assert (entry.name, entry.path, entry.models) == (name, tmp_path / name, (name,))
    with pytest.raises(ConfigError, match="this name is not UTF-8"):
        lock.write(WeightsLock(file, (LockedFile("\udcff.pth", SHA, 1),)))


def test_a_file_on_another_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows no relative path leads there: the whole one is written."""

    def refuse(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", refuse)
    text = lock.text(WeightsLock(tmp_path / "imgcls.lock", (LockedFile("a", SHA, 1, path=Path("/d/a")),)))
    assert 'path = "/d/a"\n' in text


def test_the_order_is_that_of_the_entries(tmp_path: Path) -> None:
    """The same files give the same text, in whatever order they were found."""
    texts = {lock.text(WeightsLock(tmp_path / "imgcls.lock", files)) for files in ((OF_URL, OF_HUB), (OF_HUB, OF_URL))}
    assert len(texts) == 1
    assert texts.pop().startswith("# The weights that the models of this folder's configuration load;")


def test_a_carried_folder_moves_with_its_lock(tmp_path: Path) -> None:
    """Paths lead into the folder next to the lock, wherever both are."""
    (tmp_path / "there").mkdir()
    lock.write(WeightsLock(tmp_path / "imgcls.lock", (LockedFile("a", SHA, 1, url="u", path=tmp_path / "w" / "a"),)))
    moved = (tmp_path / "imgcls.lock").rename(tmp_path / "there" / "imgcls.lock")
    assert lock.read(moved).files[0].path == tmp_path / "there" / "w" / "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = ", "not TOML: .*; write it again with `imgcls weights lock`"),
        ("format = 2", r"\[format\]: must be 1, not 2: write it again with this version"),
        ("", r"\[format\]: must be 1, not None"),
        ("format = 1\nfile = 3", r"\[file\]: must be a list of tables"),
        ("format = 1\nfiles = []", r"\[files\]: unknown key; did you mean 'file'\?"),
        (ENTRY.replace("name", "nme"), r"\[\[file\]\] nme: unknown key; did you mean 'name'\?"),
        (ENTRY.replace(SHA, "abc"), r"\[\[file\]\] sha256: 'abc' is not 64 hexadecimal digits"),
        (ENTRY.replace("= 7", '= "7"'), r"\[\[file\]\] size: must be a number of bytes, not '7'"),
        (ENTRY.replace('"net.pth"', '""'), r"\[\[file\]\] name: is missing"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """With the file, the key and what would be right."""
    (tmp_path / "imgcls.lock").write_text(text)
    with pytest.raises(ConfigError, match=message):
        lock.read(tmp_path / "imgcls.lock")


def test_a_configuration_has_the_lock_next_to_it(tmp_path: Path) -> None:
    """Every model of a file gets the lock of that file's folder, and its own name; no lock is none."""
    configuration = tmp_path / "imgcls.toml"
    configuration.write_text('[models.net]\narch = "torchvision:alexnet"\n')
    assert loader.load([configuration]).models["net"].access.lock is None
    (tmp_path / "imgcls.lock").write_text(ENTRY)
    access = loader.load([configuration]).models["net"].access
    assert access.lock is not None
    assert (access.model, access.offline, access.lock.files[0].name) == ("net", False, "net.pth")
    changed = loader.with_access(loader.load([configuration]), offline=True, quiet=True).models["net"].access
    assert (changed.offline, changed.quiet, changed.lock) == (True, True, access.lock)
