"""imgcls.evaluation.units: what a dataset's units are, and how many of them are right."""

from pathlib import Path

from imgcls.evaluation import units
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import ClassScore, Output, Scores

MATCHING = Matching({"cat": frozenset({0}), "dog": frozenset({1})})


def _image(path: str, sha256: str) -> ImageRef:
    return ImageRef(path, Path(path), sha256, path.partition("/")[0])


def _output(best: int) -> Output:
    return Output(((best, 1.0), (1 - best, 0.0)), 1.5, ())


def test_images_of_their_own_need_no_draw() -> None:
    """Without copies and groups, or in groups of one, every scored image is a unit."""
    images = [_image("cat/a", "a"), _image("dog/b", "b")]
    assert units.draw(images, {}) is None
    assert units.draw(images, {"a": "x", "b": "y"}) is None


def test_batches_add_up_to_units() -> None:
    """A copy in another batch does not count; of a group of two labels one image does, and one in each class."""
    images = [_image("cat/a", "a"), _image("cat/b", "b"), _image("dog/c", "c"), _image("cat/copy", "a")]
    outputs = [_output(0), _output(1), _output(1), _output(0)]
    drawn = units.draw(images, {"b": "x", "c": "x"})
    assert drawn is not None
    tally = units.UnitTally(drawn, Scores("net", "photos"), MATCHING)
    for scored in zip(images, outputs, strict=True):
        tally.add([scored])
    counted = tally.counted()
    of_group = int(("dog/c", "dog") not in drawn.not_overall)
    assert (counted.scored, counted.top1_count, counted.top5_count) == (2, 1 + of_group, 2)
    assert counted.classes == {"cat": ClassScore(2, 1, 2, 1), "dog": ClassScore(1, 1, 1, 2)}
