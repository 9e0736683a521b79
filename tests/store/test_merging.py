"""imgcls.store.merging: every intact row of several stores is in one, and nothing of it where that fails."""

import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import stored
from imgcls import hashing
from imgcls.errors import ConfigError, StoreError
from imgcls.records.evaluation import Output
from imgcls.records.runtime import Form, RuntimeChoice, Screen
from imgcls.store import merging, schema
from imgcls.store.database import Store
from imgcls.store.merging import MergedStore
from stored import OTHER_KEY

PARTS = {"arch": "timm:net"}
KEY = hashing.of_json(PARTS)
DECODING = "pillow 13"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _store(name: str, images: Sequence[int], key: str = KEY) -> Path:
    """A store with predictions of these images, and a row in each of the other tables."""
    with closing(Store(Path(name))) as store:
        store.put({key: (1000, stored.outputs(images))})
        store.put_parts(KEY, PARTS)
        store.put_undecodable(DECODING, {stored.sha256(1000 + number): ("corrupt", "it is") for number in images})
        store.put_remarks(DECODING, {stored.sha256(number): [f"remark {number}"] for number in images})
        store.put_choice("about", RuntimeChoice("eager", 9))
        store.add_duration(key, "photos", "machine", 4, 2.0)
    return Path(name)


def _damage(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / schema.FILE)) as connection:
        connection.execute(statement)
        connection.commit()


def _merged(*names: str) -> list[MergedStore]:
    return merging.merge([Path(name) for name in names], Path("all"))


@pytest.mark.usefixtures("home")
def test_every_row_of_every_store_is_in_the_merged_one() -> None:
    """Once each, of all tables that later runs read; what is in several stores is counted as new once."""
    _store("a", range(5))
    _store("b", range(3, 9))
    merged = _merged("a", "b")
    assert [(one.predictions, one.new, one.damaged, one.different) for one in merged] == [
        (5, 5, {}, 0),
        (6, 4, {}, 0),
    ]
    images = [stored.sha256(number) for number in range(9)]
    with closing(Store(Path("all"))) as store:
        assert store.outputs(KEY, images) == dict(stored.outputs(range(9)))
        assert store.parts(KEY) == PARTS
        assert dict(store.remarks(DECODING, stored.index(images))) == {n: (f"remark {n}",) for n in range(len(images))}
        assert (
            len(store.undecodable(DECODING, stored.index([stored.sha256(1000 + number) for number in range(9)]))) == 9
        )
        assert store.choice("about") == RuntimeChoice("eager", 9)
        assert store.seconds_per_image(KEY, "photos", "machine") == 0.5
        assert (store.verify(), store.damage.take()) == (9, ())


@pytest.mark.usefixtures("home")
def test_sources_stay_as_they_are_and_may_be_read_only() -> None:
    """To the last byte; the merged store ignores itself in git."""
    folder = _store("a", range(5))
    before = (folder / schema.FILE).read_bytes()
    (folder / schema.FILE).chmod(0o444)
    folder.chmod(0o555)
    try:
        _merged("a")
    finally:
        folder.chmod(0o755)
    assert (folder / schema.FILE).read_bytes() == before
    assert sorted(path.name for path in Path("all").iterdir()) == [".gitignore", schema.FILE]


@pytest.mark.usefixtures("home")
def test_what_runs_left_for_their_reports_is_not_merged() -> None:
    """A run reads what it wrote itself."""
    with closing(Store(Path("a"))) as store:
        store.put_outcome("run", stored.OUTCOME, (), ())
    _merged("a")
    with closing(Store(Path("all"))) as store:
        assert store.outcome("run", stored.OUTCOME.dataset) is None
        assert store.verify() == 0


@pytest.mark.parametrize(
    ("statement", "damaged"),
    [
        ("update answers set body = x'00' where image = (select min(image) from answers)", {"predictions": 1}),
        ("update keys set classes = 7", {"prediction keys": 1, "predictions": 5}),
        ("update durations set images = 7", {"durations": 1}),
        ("update undecodable set detail = 'x'", {"rejections": 5}),
        ("update undecodable set detail = cast(x'ff' as text)", {"rejections": 5}),
        ("update remarks set decoding = cast(x'ff' as text)", {"remarks": 5, "predictions": 5}),
        ("update durations set dataset = cast(x'ff' as text)", {"durations": 1}),
        ("update choices set body = x'00'", {"choices of runtimes": 1}),
        ("update identities set body = x'00'", {"parts of prediction keys": 1}),
        ("delete from keys", {"predictions": 5}),
        ("delete from remarks where image = (select min(image) from remarks)", {"predictions": 5}),
        (
            "update remarks set body = x'00' where image = (select min(image) from remarks)",
            {"remarks": 1, "predictions": 1},
        ),
    ],
)
@pytest.mark.usefixtures("home")
def test_damaged_rows_are_left_out_and_counted(statement: str, damaged: dict[str, int]) -> None:
    """A prediction whose remark is damaged or lost is left out too, so that its image is decoded again."""
    _damage(_store("a", range(5)), statement)
    [one] = _merged("a")
    assert one.damaged == damaged
    assert one.new == 5 - damaged.get("predictions", 0)
    with closing(Store(Path("all"))) as store:
        store.verify()


@pytest.mark.usefixtures("home")
def test_other_predictions_under_one_key_are_named() -> None:
    """Those of the first store stay."""
    _store("a", [1, 2, 3])
    with closing(Store(Path("b"))) as store:
        store.put({KEY: (1000, [(stored.sha256(2), stored.OUTPUT), *stored.outputs([3])])})
    first, second = _merged("a", "b")
    assert (first.different, second.different, second.images, second.new) == (0, 1, [stored.sha256(2)], 0)
    with closing(Store(Path("all"))) as store:
        assert store.outputs(KEY, [stored.sha256(2)]) == dict(stored.outputs([2]))


@pytest.mark.usefixtures("home")
def test_of_many_other_predictions_three_are_named() -> None:
    """All are counted."""
    _store("a", range(9))
    with closing(Store(Path("b"))) as store:
        store.put({KEY: (1000, [(stored.sha256(number), stored.OUTPUT) for number in range(10, 15)])})
        store.put({KEY: (1000, [(stored.sha256(number), stored.OUTPUT) for number in range(5)])})
    _, second = _merged("a", "b")
    assert (second.predictions, second.new, second.different, len(second.images)) == (10, 5, 5, 3)


def _store_of_forms(name: str, forms: Mapping[int, Form], bound: float) -> None:
    """A store of ``precision = "auto"``; what was scored again in float32 has other logits."""
    with closing(Store(Path(name))) as store:
        outputs = [(stored.sha256(n), _of_form(form)) for n, form in forms.items()]
        store.put({KEY: (1000, outputs)})
        store.put_choice(KEY, RuntimeChoice("eager", 9, screen=Screen("bfloat16", bound, 64, 1, 0.1, 0.01)))


def _of_form(form: Form) -> Output:
    return replace(stored.OUTPUT, logsumexp=2.0 if form == "reduced" else 2.5, form=form)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.usefixtures("home")
def test_of_two_precisions_float32_is_taken_and_neither_is_wrong(order: Sequence[str]) -> None:
    """Which images are scored again depends on their labels and copies in each store; the wider bound holds for all."""
    _store_of_forms("a", {1: "reduced", 2: "reduced", 3: "again", 4: "audited"}, 0.5)
    _store_of_forms("b", {1: "reduced", 2: "again", 3: "reduced", 4: "again"}, 0.75)
    assert [(one.predictions, one.different, one.damaged) for one in _merged(*order)] == [(4, 0, {}), (4, 0, {})]
    with closing(Store(Path("all"))) as store:
        images = [stored.sha256(number) for number in range(1, 5)]
        outputs = store.outputs(KEY, images)
        assert [outputs[image].logsumexp for image in images] == [2.0, 2.5, 2.5, 2.5]
        choice = store.choice(KEY)
        assert choice
        assert choice.screen
        assert choice.screen.bound == 0.75
        assert store.verify() == 4


@pytest.mark.parametrize("form", ["reduced", "again"])
@pytest.mark.usefixtures("home")
def test_two_predictions_in_one_precision_are_different(form: Form) -> None:
    """Whatever else was scored again."""
    _store_of_forms("a", {1: form}, 0.5)
    with closing(Store(Path("b"))) as store:
        store.put({KEY: (1000, [(stored.sha256(1), replace(_of_form(form), logsumexp=9.0))])})
    assert [one.different for one in _merged("a", "b")] == [0, 1]


@pytest.mark.usefixtures("home")
def test_of_two_merges_into_one_folder_the_slower_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the other one stays as it is."""
    _store("a", range(5))
    added = merging._Part.added

    def overtaken(part: merging._Part) -> MergedStore:
        Path("all").mkdir()
        Path("all", "other").touch()
        return added(part)

    monkeypatch.setattr(merging._Part, "added", overtaken)
    message = "all was written by another process during the merge: name another folder with -o FOLDER"
    with pytest.raises(ConfigError, match=f"^{message}$"):
        _merged("a")
    assert [path.name for path in Path("all").iterdir()] == ["other"]
    assert not list(Path().glob(".*all"))


@pytest.mark.usefixtures("home")
def test_the_keys_of_each_store_are_known() -> None:
    """With what they are hashes of, where that was stored."""
    _store("a", [1])
    with closing(Store(Path("b"))) as store:
        store.put({OTHER_KEY: (1000, stored.outputs([2]))})
    assert [one.keys for one in _merged("a", "b")] == [{KEY: PARTS}, {OTHER_KEY: None}]


@pytest.mark.usefixtures("home")
def test_what_is_not_a_store_is_one_line() -> None:
    """Nothing is written."""
    _store("shards/1", [1])
    _store("shards/2", [2])
    for names, message in (
        (["nowhere"], "there is no store in nowhere: name the folder of --store"),
        (["shards"], "there is no store in shards: those in it are shards/1, shards/2: name them"),
        (["shards/1", "./shards/../shards/1"], "shards/1 is named twice: name each store once"),
    ):
        with pytest.raises(ConfigError, match=message):
            _merged(*names)
    assert not Path("all").exists()


@pytest.mark.usefixtures("home")
def test_a_folder_that_is_there_is_left_alone() -> None:
    """Unless it is empty."""
    _store("a", [1])
    Path("all").mkdir()
    _merged("a")
    before = Path("all", schema.FILE).read_bytes()
    with pytest.raises(ConfigError, match="all is there already: name a folder that is not"):
        _merged("a")
    assert Path("all", schema.FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("version", "way"),
    [(schema.VERSION - 1, "`imgcls cache info --store a` brings it up to date"), (99, "merge with the version")],
)
@pytest.mark.usefixtures("home")
def test_stores_of_other_schemas_are_refused(version: int, way: str) -> None:
    """Nothing is brought up to date that somebody may use with the other version."""
    _damage(_store("a", [1]), f"pragma user_version = {version}")
    with pytest.raises(StoreError, match=rf"its schema is {version}, ours {schema.VERSION}\): {way}"):
        _merged("a")
    assert not Path("all").exists()


@pytest.mark.usefixtures("home")
def test_a_store_that_cannot_be_read_is_named() -> None:
    """And leaves nothing half-merged."""
    _store("a", [1])
    file = _store("b", range(200)) / schema.FILE
    data = bytearray(file.read_bytes())
    data[4096:] = b"x" * (len(data) - 4096)
    file.write_bytes(data)
    with pytest.raises(StoreError, match=r"the store b/predictions\.sqlite3 cannot be used"):
        _merged("a", "b")
    assert [path.name for path in Path().iterdir() if path.name not in {"a", "b"}] == []


KILLED = """
import os, sys
from pathlib import Path
from imgcls.store import merging
from imgcls.store.merging import _Part

added = _Part.added
def killed(self):
    if self.folder == Path("b"):
        os.kill(os.getpid(), 9)
    return added(self)

_Part.added = killed
merging.merge([Path("a"), Path("b")], Path("all"))
"""


@pytest.mark.usefixtures("home")
def test_a_merge_that_is_killed_leaves_no_store() -> None:
    """The next one begins anew."""
    _store("a", range(5))
    _store("b", range(5, 9))
    assert subprocess.call([sys.executable, "-c", KILLED]) == -9
    assert not Path("all").exists()
    assert [one.new for one in _merged("a", "b")] == [5, 4]
