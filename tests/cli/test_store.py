"""imgcls store merge: what came from where, what does not agree, and the next command."""

from pathlib import Path

import pytest

import stored
from conftest import Command
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stores with predictions of one key."""
    monkeypatch.chdir(tmp_path)
    for name, images in (("a", range(5)), ("b c", range(3, 9))):
        store = Store(Path(name))
        store.put({KEY: (1000, stored.outputs(images))})
        store.close()


@pytest.mark.usefixtures("stores")
def test_each_store_has_a_line(imgcls: Command) -> None:
    """Then the merged one, and the command that goes on."""
    result = imgcls("store", "merge", "a", "b c", "-o", "all of it")
    assert result.ret == 0
    assert result.outlines == [
        "a: 5 predictions, 5 of them new",
        "b c: 6 predictions, 4 of them new",
        "all of it: 9 predictions, 1 prediction key",
        "next: imgcls score --store 'all of it'",
    ]
    assert imgcls("cache", "verify", "--store", "all of it").ret == 0


@pytest.mark.usefixtures("stores")
def test_what_is_left_out_and_what_does_not_agree_is_a_note(imgcls: Command) -> None:
    """Each in its line, with the exit code 0: a run computes what it lacks."""
    store = Store(Path("b c"))
    store.put({KEY: (1000, [(stored.sha256(4), stored.OUTPUT)]), OTHER_KEY: (1000, stored.outputs([1]))})
    store._connection.execute("update answers set body = x'00' where image = ?", (bytes.fromhex(stored.sha256(8)),))
    store.close()
    result = imgcls("store", "merge", "a", "b c", "-o", "all")
    assert result.ret == 0
    assert result.outlines[2:4] == [
        "  NOTE damaged rows were left out (predictions: 1); what they held is computed again where it is needed",
        (
            "  NOTE of 1 image it has other predictions than a store before it, with the same key; those of the first "
            f"are taken: {stored.sha256(4)}"
        ),
    ]
    assert result.outlines[5:-1] == [
        f"  NOTE key {OTHER_KEY[:12]}: b c has predictions with a key that a does not have",
        "  a run uses the predictions of its own key only, and computes those that it lacks; `imgcls plan` makes",
        "  the shards of a run agree",
    ]


@pytest.mark.usefixtures("stores")
def test_what_cannot_be_merged_is_one_line(imgcls: Command) -> None:
    """With exit code 2, and nothing is written."""
    for arguments, message in (
        (("a", "nowhere", "-o", "all"), "imgcls: there is no store in nowhere: name the folder of --store"),
        (("a", "a", "-o", "all"), "imgcls: a is named twice: name each store once"),
        (("a", "-o", "b c"), "imgcls: b c is there already: name a folder that is not, with -o FOLDER"),
    ):
        result = imgcls("store", "merge", *arguments)
        assert (result.ret, result.outlines, result.errlines) == (2, [], [message])
    assert not Path("all").exists()


@pytest.mark.usefixtures("stores")
def test_stores_of_shards_inside_of_a_store_are_not_forgotten(imgcls: Command) -> None:
    """The folder names its own store; those of the shards below it are named in a note, unless they are merged, too."""
    for shard in ("shard-1-of-2", "shard-2-of-2"):
        Path("a", shard).mkdir()
        Path("a", shard, "predictions.sqlite3").write_bytes(Path("b c", "predictions.sqlite3").read_bytes())
    note = "  NOTE 1 store inside of it not merged: name them, as in a/shard-*"
    assert note in imgcls("store", "merge", "a", "a/shard-1-of-2", "-o", "one").outlines
    merged = imgcls("store", "merge", "a", "a/shard-1-of-2", "a/shard-2-of-2", "-o", "all").outlines
    assert not [line for line in merged if "inside of it" in line]
