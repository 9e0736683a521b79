"""imgcls.evaluation.hash_cache: what looks as it did is not opened, and everything else is."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import Project
from dataset_forms import tar_of
from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.errors import Undecodable
from imgcls.evaluation import hash_cache
from imgcls.records.config import Address, DatasetSpec
from imgcls.records.data import FileState, Place
from imgcls.store.database import Store

Command = Callable[..., pytest.RunResult]
OLD = 1_700_000_000_000_000_000


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetSpec:
    """Two cats and a dog, written a while ago."""
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
        os.utime(file, ns=(OLD, OLD))
    return DatasetSpec("pets", tmp_path / "pets")


@pytest.fixture
def file(dataset: DatasetSpec) -> Path:
    """One of the cats."""
    return Path(dataset.path, "cat", "1.png")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images and manifests that are opened from now on."""
    names: list[str] = []
    really = Path.open

    def noted(self: Path, *arguments: Any, **keywords: Any) -> Any:
        if self.suffix in {".png", ".csv"}:
            names.append(f"{self.parent.name}/{self.name}")
        return really(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", noted)
    return names


def test_a_second_listing_opens_no_file(dataset: DatasetSpec, store: Store, opened: list[str]) -> None:
    """The first hashes everything, the second nothing, and both say what an ordinary one does."""
    first = hash_cache.listing(store, dataset)
    assert opened == ["cat/1.png", "cat/2.png", "dog/1.png"]
    opened.clear()
    assert hash_cache.listing(store, dataset) == first
    assert opened == []
    assert datasets.list_images(dataset) == first
    assert len(opened) == 3


def test_a_run_that_is_cut_short_keeps_what_it_hashed(
    dataset: DatasetSpec, store: Store, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    """New hashes are stored while others are made, and at an interruption."""
    really, written = listings.sha256, list[int]()
    really_put = Store.put_hashed

    def sha256(place: Place) -> str:
        if place == Path(dataset.path, "dog", "1.png"):
            raise KeyboardInterrupt
        return really(place)

    def put(store: Store, files: Mapping[FileState, str]) -> None:
        written.append(len(files))
        really_put(store, files)

    monkeypatch.setattr(Store, "put_hashed", put)
    for seconds, batches in ((60.0, [2]), (-1.0, [1, 1])):
        monkeypatch.setattr(hash_cache, "WRITTEN_AFTER_S", seconds)
        monkeypatch.setattr(listings, "sha256", sha256)
        with closing(Store(None)) as empty, pytest.raises(KeyboardInterrupt):
            hash_cache.listing(empty, dataset)
        assert written == batches
        written.clear()
    with pytest.raises(KeyboardInterrupt):
        hash_cache.listing(store, dataset)
    monkeypatch.setattr(listings, "sha256", really)
    opened.clear()
    hash_cache.listing(store, dataset)
    assert opened == ["dog/1.png"]


def test_a_later_process_opens_no_file(dataset: DatasetSpec, tmp_path: Path, opened: list[str]) -> None:
    """The hashes are in the store; one in memory knows nothing of them."""
    for folder, expected in ((tmp_path / "store", 3), (tmp_path / "store", 0), (None, 3)):
        opened.clear()
        with closing(Store(folder)) as store:
            hash_cache.listing(store, dataset)
        assert len(opened) == expected


def test_a_manifest_opens_only_itself(dataset: DatasetSpec, store: Store, opened: list[str]) -> None:
    """A listing by .csv trusts as well, and shares hashes with one of the folder."""
    manifest = Path(dataset.path, "pets.csv")
    manifest.write_text("path,label\ncat/1.png,cat\ndog/1.png,dog\n")
    hash_cache.listing(store, dataset)
    opened.clear()
    assert len(hash_cache.listing(store, DatasetSpec("pets", manifest)).images) == 2
    assert opened == ["pets/pets.csv"]


def test_the_built_in_data_set_is_trusted_as_well(store: Store, opened: list[str]) -> None:
    """Its files lie in a cache, and are files like others."""
    digits = DatasetSpec("digits", "builtin:digits")
    first = hash_cache.listing(store, digits)
    opened.clear()
    assert hash_cache.listing(store, digits) == first
    assert opened == []


def _touch(file: Path) -> None:
    os.utime(file, ns=(OLD, OLD + 1))


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"!")
    os.utime(file, ns=(OLD, OLD))


def _replace(file: Path) -> None:
    """Another file in its place, of the same size and time."""
    other = file.with_name("other")
    other.write_bytes(file.read_bytes()[::-1])
    os.utime(other, ns=(OLD, OLD))
    other.replace(file)


def _rewrite(file: Path) -> None:
    """Other bytes of the same size in the same file."""
    file.write_bytes(file.read_bytes()[::-1])


@pytest.mark.parametrize("change", [_touch, _append, _replace, _rewrite])
def test_what_looks_otherwise_is_hashed_again(
    dataset: DatasetSpec, store: Store, file: Path, opened: list[str], change: Callable[[Path], None]
) -> None:
    """Another size, time or inode is enough, for this file only, and once."""
    hash_cache.listing(store, dataset)
    change(file)
    opened.clear()
    after = hash_cache.listing(store, dataset)
    assert opened == ["cat/1.png"]
    assert after == datasets.list_images(dataset)
    opened.clear()
    assert hash_cache.listing(store, dataset) == after
    assert opened == []


def test_other_bytes_behind_an_old_time_are_found_when_they_are_read(
    dataset: DatasetSpec, store: Store, file: Path
) -> None:
    """The listing cannot see a file that was rewritten and given back its time; reading it can."""
    before = hash_cache.listing(store, dataset)
    _rewrite(file)
    os.utime(file, ns=(OLD, OLD))
    assert hash_cache.listing(store, dataset) == before
    [image] = [image for image in before.images if image.file == file]
    with pytest.raises(Undecodable, match=r"^changed: it was listed with sha256"):
        listings.read(image)


def test_what_is_no_file_is_rejected_as_ever(dataset: DatasetSpec, store: Store, file: Path) -> None:
    """A file that was trusted and is now empty, a folder, or a link to nowhere is not an image."""
    hash_cache.listing(store, dataset)
    file.write_bytes(b"")
    Path(dataset.path, "cat", "2.png").unlink()
    Path(dataset.path, "cat", "2.png").mkdir()
    Path(dataset.path, "dog", "1.png").unlink()
    Path(dataset.path, "dog", "1.png").symlink_to("nowhere")
    found = hash_cache.listing(store, dataset)
    assert [rejection.reason for rejection in found.rejections] == ["empty", "not_regular", "missing"]
    assert found == datasets.list_images(dataset)


# In the plugin and the command.


@pytest.fixture
def red(project: Project) -> Path:
    """A red image in a file that has room for one of another colour."""
    file = project.folder / "colours" / "red" / "0000.png"
    file.write_bytes(file.read_bytes().ljust(200, b"\0"))
    return file


def _paint_blue(red: Path) -> None:
    """Give an image the bytes of a blue one, and leave its size and time as they were."""
    before = red.stat()
    blue = red.parent.with_name("blue") / red.name
    red.write_bytes(blue.read_bytes().ljust(before.st_size, b"\0"))
    os.utime(red, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_plugin_trusts_only_on_request(run_pytest: Command, project: Project, red: Path) -> None:
    """With the option a stored prediction is served for bytes that it did not see; without it they are scored."""
    assert run_pytest("--imgcls-trust-mtime").ret == 0
    _paint_blue(red)
    project.forget_forwards()
    assert run_pytest("--imgcls-trust-mtime").ret == 0
    assert project.images_inferred() == 0
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*top1 0.9167 (11 of 12)*"])
    assert project.images_inferred() == 1


@pytest.mark.slow
@pytest.mark.usefixtures("quick_memory")
def test_the_command_trusts_only_on_request(imgcls: Command, project: Project, red: Path) -> None:
    """An image that has to be decoded is found to be another than was listed; touching it mends that."""
    assert imgcls("score", "--trust-mtime").ret == 0
    _paint_blue(red)
    assert imgcls("score", "--trust-mtime").ret == 0
    compared = imgcls("compare", "colour", "--device", "cpu", "--trust-mtime", "--json", "compared.json")
    assert compared.ret == 0
    assert [result["top1"] for result in json.loads(Path("compared.json").read_text())["results"]] == [100]
    configuration = Path("imgcls.toml").read_text()
    project.configure(configuration.replace('labels = "names.txt"', 'labels = "names.txt"\noptions = { gain = 2.0 }'))
    found = imgcls("score", "--trust-mtime")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["*red/0000.png*changed*it was listed with sha256*"])
    os.utime(red)
    found = imgcls("score", "--trust-mtime")
    found.stdout.fnmatch_lines(["*top1 0.9167 (11 of 12)*"])


@pytest.mark.usefixtures("project")
def test_hashes_have_no_place_without_a_store(imgcls: Command, run_pytest: Command) -> None:
    """Both options together are refused, by the plugin and by the command."""
    refused = run_pytest("--imgcls-trust-mtime", "--imgcls-store", "off")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*--imgcls-trust-mtime and --imgcls-store off do not go together*"])
    for command in (["score"], ["compare", "colour"]):
        refused = imgcls(*command, "--trust-mtime", "--store", "off")
        assert refused.ret == 2
        refused.stderr.fnmatch_lines(["imgcls: --trust-mtime and --store off do not go together*"])


def test_members_of_an_archive_that_looks_as_it_did_are_not_hashed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is known by its place in it; of an archive of another time, all are hashed."""
    file, hashed = tmp_path / "pets.tar", list[Place]()
    really = listings.sha256

    def sha256(place: Place) -> str:
        hashed.append(place)
        return really(place)

    monkeypatch.setattr(listings, "sha256", sha256)

    def count(content: bytes) -> int:
        hashed.clear()
        listing = hash_cache.listing(store, DatasetSpec("pets", file))
        assert [listings.read(image) for image in listing.images] == [content, b"dog"]
        return len(hashed)

    tar_of(file, {"cat/1.png": b"one", "dog/2.png": b"dog"})
    os.utime(file, ns=(OLD, OLD))
    assert [count(b"one"), count(b"one")] == [2, 0]
    tar_of(file, {"cat/1.png": b"two", "dog/2.png": b"dog"})
    assert [count(b"two"), count(b"two")] == [2, 0]


def test_items_of_a_factory_are_hashed_each_time(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells that a function returns what it returned before."""
    (tmp_path / "hash_cache_items.py").write_text("def items():\n    return [(b'one', 'cat')]\n")
    monkeypatch.delitem(sys.modules, "hash_cache_items", raising=False)
    dataset = DatasetSpec("pets", Address("python:hash_cache_items:items"), folder=tmp_path)
    listings_of = [hash_cache.listing(store, dataset) for _ in range(2)]
    assert [listings.read(listing.images[0]) for listing in listings_of] == [b"one", b"one"]
    monkeypatch.delitem(sys.modules, "hash_cache_items")
