"""imgcls store merge: what came from where, what does not agree, and the next command."""

import re
from contextlib import closing
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
    store.put({OTHER_KEY: (1000, stored.outputs([1]))})
    store._connection.execute("update answers set body = x'00' where image = ?", (bytes.fromhex(stored.sha256(8)),))
    store.close()
    result = imgcls("store", "merge", "a", "b c", "-o", "all")
    assert result.ret == 0
    assert result.outlines[2:4] == [
        "  NOTE damaged rows were left out (predictions: 1); what they held is computed again where it is needed",
        "all: 9 predictions, 2 prediction keys",
    ]
    assert result.outlines[4:-1] == [
        f"  NOTE key {OTHER_KEY[:12]}: b c has predictions with a key that a does not have",
        "  a run uses the predictions of its own key only, and computes those that it lacks; `imgcls plan` makes",
        "  the shards of a run agree",
    ]


@pytest.mark.usefixtures("stores")
def test_different_predictions_under_one_key_are_an_exit_code_of_1(imgcls: Command) -> None:
    """The merged store has those of the first; no command is named that goes on with it."""
    with closing(Store(Path("b c"))) as store:
        store.put({KEY: (1000, [(stored.sha256(4), stored.OUTPUT)])})
    result = imgcls("store", "merge", "a", "b c", "-o", "all")
    assert (result.ret, result.outlines[2:]) == (
        1,
        [
            (
                "  DIFFERENT 1 prediction than in a store before it, under the same key: "
                f"{stored.sha256(4)}; those of the first are taken, and the exit code is 1: one of the two was "
                "computed otherwise than its key states, so leave its store out"
            ),
            "all: 9 predictions, 1 prediction key",
        ],
    )


@pytest.mark.usefixtures("stores")
def test_a_store_into_which_a_process_scores_is_not_merged(imgcls: Command) -> None:
    """Who does so is named, with exit code 3; afterwards it is merged."""
    with closing(Store(Path("b c"))) as store, store.lock():
        result = imgcls("store", "merge", "a", "b c", "-o", "all")
    [line] = result.errlines
    assert (result.ret, Path("all").exists()) == (3, False)
    assert re.fullmatch(
        r"imgcls: b c is not whole yet: .*process \d+ on \S+\)? scores into it, at work since .*; "
        "merge when that is done",
        line,
    )
    assert imgcls("store", "merge", "a", "b c", "-o", "all").ret == 0


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
