"""imgcls.comparison.shard_parts: documents of shards are joined where each is there once, and named where not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgcls.comparison import merge
from imgcls.comparison.merge import MergedRun
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.records.evaluation import Failure
from imgcls.records.shards import Shard
from run_parts import make_part

RIGHT = {"cat/1.png": 0, "cat/2.png": 0, "dog/1.png": 1, "dog/2.png": 1}
PAIR = ("net", "photos")


def _shard(number: int, count: int, images: Mapping[str, int], file: str = "", **values: Any) -> Part:
    part = make_part(file or f"{number}.json", images, **values)
    return replace(part, report=replace(part.report, shard=Shard(number, count)))


def _shards(count: int, images: Mapping[str, int] = RIGHT) -> list[Part]:
    return [_shard(n, count, dict(list(images.items())[n - 1 :: count])) for n in range(1, count + 1)]


def _joined(parts: Sequence[Part], pairs: Sequence[tuple[str, str]] = (PAIR,)) -> MergedRun:
    return merge.joined(parts, pairs, Path("imgcls.toml"))


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_all_shards_are_the_whole(count: int) -> None:
    """In any order, and also where some have no images; the books of files are added up."""
    whole = _joined([make_part("whole.json", RIGHT)])
    joined = _joined(list(reversed(_shards(count))))
    [one], [other] = whole.report.results, joined.report.results
    for name in (
        "listed",
        "scored",
        "rejected",
        "ignored",
        "unscored",
        "distinct",
        "top1_count",
        "classes",
        "accepted",
    ):
        assert getattr(other, name) == getattr(one, name)
    assert joined.report.datasets == whole.report.datasets
    assert (joined.report.complete, joined.rows[PAIR].lacks, joined.report.shard) == (True, "", None)
    assert list(joined.predictions()) == list(whole.predictions())


def _with_paths(part: Part, paths: str) -> Part:
    [files] = part.report.datasets
    return replace(part, report=replace(part.report, datasets=(replace(files, all_paths=paths),)))


def test_shards_of_a_dataset_that_changed_between_them_are_not_joined() -> None:
    """The first and the first other one are named, with what they listed; shards of one state are a whole."""
    first, second, third = _shards(3)
    same = [_with_paths(part, "4 ab") for part in (first, second, third)]
    assert _joined(same).report.datasets[0].all_paths is None
    message = (
        r"photos is not the same in 1\.json \(shard 1 of 3\) and 3\.json \(shard 3 of 3\): files were added, removed "
        "or renamed between the two, which listed 4 and 5; score all shards again on one state of it"
    )
    with pytest.raises(ConfigError, match=f"^{message}$"):
        _joined([*same[:2], _with_paths(third, "5 cd")])


@pytest.mark.parametrize(
    ("numbers", "lacks"),
    [
        ([1, 2, 4], "shard 3 of 4 is missing: merge it as well"),
        ([3], "shards 1, 2 and 4 of 4 are missing: merge them as well"),
    ],
)
def test_missing_shards_are_named(numbers: list[int], lacks: str) -> None:
    """The run is not complete."""
    joined = _joined([part for part in _shards(4) if part.report.shard and part.report.shard.number in numbers])
    assert (joined.rows[PAIR].lacks, joined.report.complete) == (lacks, False)


def test_a_doubled_shard_is_named_and_counted_once() -> None:
    """Whatever its documents have."""
    joined = _joined([*_shards(2), _shard(2, 2, {"cat/2.png": 1}, "again.json")])
    lacks = "shard 2 of 2 is in 2.json and in again.json: leave one of them out"
    assert (joined.rows[PAIR].lacks, joined.report.complete) == (lacks, False)
    assert joined.report.results[0].scored == 4


def test_a_missing_shard_of_one_model_is_no_fault_of_another() -> None:
    """The other one is whole."""
    vit = make_part("vit.json", RIGHT, model="vit")
    joined = _joined([vit, *_shards(2)[:1]], [PAIR, ("vit", "photos")])
    assert {pair: row.lacks for pair, row in joined.rows.items()} == {
        PAIR: "shard 2 of 2 is missing: merge it as well",
        ("vit", "photos"): "",
    }
    assert list(joined.pairwise_tests()) == []


def test_files_of_a_dataset_are_counted_once() -> None:
    """Also where one model was scored in shards, and another one in one piece."""
    vit = make_part("vit.json", RIGHT, model="vit")
    joined = _joined([vit, *_shards(2)], [PAIR, ("vit", "photos")])
    assert joined.report.datasets == vit.report.datasets
    assert len(list(joined.pairwise_tests())) == 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            [_shards(2)[0], _shards(4)[1]],
            r"net on photos: 1\.json \(shard 1 of 2\) and 2\.json \(shard 2 of 4\) are not parts of one run",
        ),
        (
            [make_part("all.json", RIGHT), _shards(2)[0]],
            r"net on photos: all\.json \(all of its images\) and 1\.json \(shard 1 of 2\) are not parts of one run",
        ),
        (
            [_shards(2)[0], _shard(2, 2, {"dog/2.png": 1}, prediction_key="another")],
            r"with different prediction keys \(key of n and another\): `imgcls store merge` of their stores names what",
        ),
        (
            [_shards(2)[0], replace(_shards(2)[1], predictions=None)],
            r"2\.json: shards are joined image by image: write it without json-summary",
        ),
    ],
)
def test_what_is_not_of_one_run_is_refused(parts: list[Part], message: str) -> None:
    """In one line that names both files."""
    with pytest.raises(ConfigError, match=message) as error:
        _joined(parts)
    assert "\n" not in str(error.value)


def test_the_same_bytes_with_two_labels_are_refused() -> None:
    """No shard by itself could see that."""
    one, other = _shards(2)
    first, *_ = one.predictions or ()
    second, third = other.predictions or ()
    other = replace(other, predictions=(second, replace(third, image_sha256=first.image_sha256)))
    with pytest.raises(
        ConfigError, match=r"the same bytes have two labels, cat/1\.png is 'cat' and dog/2\.png is 'dog'"
    ):
        _joined([one, other])


def test_the_same_bytes_in_groups_are_refused() -> None:
    """Groups that share an image are one, also for images that are in other shards."""
    one, other = _shards(2)
    first, *_ = one.predictions or ()
    copy = replace(first, path="cat/copy.png", group="b")
    other = replace(other, predictions=(*(other.predictions or ()), copy))
    with pytest.raises(ConfigError, match=r"cat/1\.png and cat/copy\.png have the same bytes, so that their groups"):
        _joined([one, other])


def test_a_model_that_failed_in_one_shard_has_failed() -> None:
    """With the counts of all images, none of them scored."""
    failed = _shard(2, 3, {"cat/2.png": 0}, failure=Failure(3, "out of memory", "model"))
    [result] = _joined([_shard(1, 3, {"cat/1.png": 0}), failed, _shard(3, 3, {"dog/1.png": 1})]).report.results
    assert result.failure == Failure(3, "out of memory", "model")
    assert (result.listed, result.scored, result.unscored) == (3, 0, 3)


@pytest.mark.parametrize(("other", "message"), [("a.json", "a.json is given twice"), ("b.json", "are one document")])
def test_one_document_twice_is_refused(other: str, message: str) -> None:
    """Whether it is a shard or not."""
    part = make_part("a.json", RIGHT)
    with pytest.raises(ConfigError, match=message):
        _joined([part, replace(part, file=Path(other))])
