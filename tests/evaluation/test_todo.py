"""imgcls.evaluation.todo: every image that some model lacks is in one batch, with exactly the models that lack it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.evaluation.todo import Todo
from imgcls.records.blocks import BLOCK
from imgcls.records.data import ImageRef, Images

NAMES = ("a", "b", "c")


def _images(number: int) -> Images:
    return Images(ImageRef(f"{n}.jpg", Path(f"/{n}.jpg"), f"{n:064x}", "cat") for n in range(number))


def _todo(lacks: Sequence[tuple[bool, ...]]) -> Todo:
    flags = np.array(lacks, bool).reshape(-1, len(NAMES)).T
    return Todo(_images(len(lacks)), dict(zip(NAMES, flags, strict=True)))


LACKS = st.lists(st.tuples(*[st.booleans()] * len(NAMES)), max_size=40)


@settings(max_examples=50)
@given(LACKS, st.integers(1, 7))
def test_each_image_is_in_one_batch_with_the_models_that_lack_it(lacks: list[tuple[bool, ...]], size: int) -> None:
    """Batches are full but for the last of the same models, and their images are in the order of the listing."""
    todo = _todo(lacks)
    expected = {n: tuple(m for m, lack in zip(NAMES, of, strict=True) if lack) for n, of in enumerate(lacks) if any(of)}
    batches = [([int(image.sha256, 16) for image in images], names) for images, names in todo.batches(lambda *_: size)]
    assert {n: names for numbers, names in batches for n in numbers} == expected
    assert (len(todo), dict(todo.lacking)) == (len(expected), dict(Counter(expected.values())))
    for names in todo.lacking:
        of_names = [numbers for numbers, models in batches if models == names]
        assert [len(numbers) for numbers in of_names[:-1]] == [size] * (len(of_names) - 1)
        in_order = [n for numbers in of_names for n in numbers]
        assert in_order == sorted(in_order)


def test_sizes_are_chosen_by_models_and_by_the_number_of_all_their_images() -> None:
    """Once for each combination of models, before the first batch."""
    calls = []

    def size(names: tuple[str, ...], images: int) -> int:
        calls.append((names, images))
        return images

    batches = list(_todo([(True, False, True)] * 3 + [(False, True, False)] * 2).batches(size))
    assert sorted(calls) == [(("a", "c"), 3), (("b",), 2)]
    assert [(len(images), names) for images, names in batches] == [(3, ("a", "c")), (2, ("b",))]


@pytest.mark.parametrize("lacks", [[], [(False, False, False)] * 3])
def test_where_nothing_is_missing_there_is_no_batch(lacks: list[tuple[bool, ...]]) -> None:
    """Nor where nothing is listed."""
    assert (list(_todo(lacks).batches(lambda *_: 8)), len(_todo(lacks))) == ([], 0)


def test_without_models_there_is_no_batch() -> None:
    """Whatever is listed."""
    assert list(Todo(_images(3), {}).batches(lambda *_: 8)) == []


def test_images_are_read_while_batches_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of the listing at a time, and blocks without a missing image not at all; flags may be cleared behind."""
    images, missing = _images(5 * BLOCK), np.ones(5 * BLOCK, bool)
    missing[BLOCK : 3 * BLOCK] = False
    read: list[int] = []
    at = images.at

    def counting(positions: list[int]) -> object:
        read.extend(positions)
        return at(positions)

    monkeypatch.setattr(images, "at", counting)
    numbers: list[int] = []
    for batch, _ in Todo(images, {"a": missing}).batches(lambda *_: 64):
        numbers += [int(image.sha256, 16) for image in batch]
        missing[numbers] = False
        assert len(read) <= len(numbers) + BLOCK
    assert numbers == read == [*range(BLOCK), *range(3 * BLOCK, 5 * BLOCK)]
