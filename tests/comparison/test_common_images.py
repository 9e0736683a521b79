"""imgcls.comparison.common_images: images of the same bytes and label find each other, whatever their order."""

import random
from collections.abc import Sequence

import pytest

from imgcls.comparison.common_images import CommonImages
from imgcls.comparison.table import Table
from imgcls.records.comparison import ImageKey, Prediction
from imgcls.records.evaluation import ClassProbability


def _table(images: Sequence[ImageKey], best: Sequence[tuple[int, str]] = ()) -> Table:
    classes = best or [(0, "cat")] * len(images)
    return Table.of({
        (sha256, label): Prediction("net", "photos", f"{label}/{sha256}", sha256, label, (ClassProbability(*of, 0.5),))
        for (sha256, label), of in zip(images, classes, strict=True)
    })  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_images_are_paired_in_the_order_of_the_second(seed: int) -> None:
    """The others are named, each on its side and in its order."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    every = [(f"{number:02x}" * 32, label) for number in range(12) for label in ("cat", "dog", None)]
    before, after = draw.sample(every, 20), draw.sample(every, draw.randrange(20))
    common = CommonImages(_table(before), _table(after))
    assert [before[old] for old in common.old] == [image for image in after if image in before]
    assert [after[new] for new in common.new] == [image for image in after if image in before]
    assert [(p.image_sha256, p.label) for p in common.only_before()] == [i for i in before if i not in after]
    assert [(p.image_sha256, p.label) for p in common.only_after()] == [i for i in after if i not in before]
    names = {sha256 for sha256, _ in before}
    relabelled = [image for image in after if image not in before and image[0] in names]
    assert [after[position] for position in common.relabelled()] == relabelled


def test_the_same_images_in_the_same_order_are_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models of one run have them so; labels may have other numbers in the two."""
    images = [("a", "cat"), ("b", "dog"), ("c", None)]
    before, after = _table(images), _table(images)
    monkeypatch.setattr("imgcls.comparison.common_images.numbered", None)
    common = CommonImages(before, after)
    assert (common.old.tolist(), common.new.tolist()) == ([0, 1, 2], [0, 1, 2])
    assert CommonImages(_table([]), _table([])).new.tolist() == []


def test_the_labels_of_other_runs_are_named() -> None:
    """In the order in which the first run has them."""
    common = CommonImages(_table([("a", "cat"), ("a", "dog"), ("b", "elk")]), _table([("a", "elk"), ("b", "elk")]))
    assert common.relabelled().tolist() == [0]
    assert common.labels_before(0) == ["cat", "dog"]


def test_another_best_class_has_another_index_or_another_name() -> None:
    """Where class lists differ, the index means something else."""
    images = [("a", "cat"), ("b", "cat"), ("c", "cat")]
    common = CommonImages(
        _table(images, [(0, "cat"), (1, "dog"), (2, "elk")]), _table(images, [(0, "cat"), (5, "dog"), (2, "fox")])
    )
    assert common.have_other_best(by_name=False).tolist() == [False, True, False]
    assert common.have_other_best(by_name=True).tolist() == [False, False, True]
