"""imgcls.inspection.near: the groups are those of a comparison of every pair, in whatever blocks it is made."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imgcls.inspection import features, near
from imgcls.inspection.near import NearGroup, near_groups
from imgcls.inspection.perceptual import ImageHash


def _hashes(count: int, seed: int = 0) -> list[ImageHash]:
    """Smooth noise, none of which looks like any other."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((count, 24, 24)), (0, 1, 1))
    return [ImageHash(np.clip(128 + 40 * one / one.std(), 0, 255).astype(np.uint8), 40.0) for one in smooth]


def _mirrored(one: ImageHash) -> ImageHash:
    return ImageHash(one.thumbnail[:, ::-1], one.contrast)


def _noisier(one: ImageHash, seed: int = 1) -> ImageHash:
    noise = np.random.default_rng(seed).integers(-3, 4, (24, 24))
    return ImageHash(np.clip(one.thumbnail + noise, 0, 255).astype(np.uint8), one.contrast)


PLAIN = ImageHash(np.full((24, 24), 9, np.uint8), 0.0)


def _looks_like(one: ImageHash, other: ImageHash) -> bool:
    """The definition, for one pair as it is."""
    coarse = features.coarse(np.stack([one.thumbnail, other.thumbnail]))
    fine = features.cosines(features.fine(one.thumbnail[None]), features.fine(other.thumbnail[None]))
    return bool(coarse[0] @ coarse[1] >= features.ALIKE_COARSE and fine[0, 0] >= features.ALIKE_FINE)


def _by_pairs(hashes: list[ImageHash], own: int) -> list[tuple[int, ...]]:
    """Groups of all pairs of which one is among the first ``own``, joined one by one."""
    groups = [{place} for place in range(len(hashes))]
    for a, b in itertools.combinations(range(len(hashes)), 2):
        alike = _looks_like(hashes[a], hashes[b]) or _looks_like(_mirrored(hashes[a]), hashes[b])
        if a < own and alike and not (hashes[a].is_plain or hashes[b].is_plain):
            joined = next(one for one in groups if a in one) | next(one for one in groups if b in one)
            groups = [one for one in groups if not one & joined] + [joined]
    return sorted(tuple(sorted(one)) for one in groups if len(one) > 1)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["as it is", "noisier", "mirrored", "plain"])), max_size=14),
    st.integers(0, 14),
    st.integers(1, 5),
)
def test_groups_are_those_of_all_pairs(drawn: list[tuple[int, str]], own: int, block: int) -> None:
    """In blocks of any size, with and without a second set, images whose looks are changed or left."""
    distinct = _hashes(5)
    changes: dict[str, Callable[[ImageHash], ImageHash]] = {
        "as it is": lambda one: one,
        "noisier": _noisier,
        "mirrored": _mirrored,
        "plain": lambda _: PLAIN,
    }
    hashes = [changes[change](distinct[number]) for number, change in drawn]
    own = min(own, len(hashes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "BLOCK", block)
        groups = near_groups(hashes[:own], hashes[own:])
    assert sorted(group.places for group in groups) == _by_pairs(hashes, own)


def test_a_group_says_whether_it_is_mirrored() -> None:
    """Only where nothing else connects its images."""
    [first, second, third] = _hashes(3)
    hashes = [first, second, third, _mirrored(first), _noisier(second), _mirrored(third), _noisier(third)]
    assert near_groups(hashes) == [
        NearGroup((0, 3), is_mirrored=True),
        NearGroup((1, 4), is_mirrored=False),
        NearGroup((2, 5, 6), is_mirrored=True),
    ]


def test_others_are_not_held_against_each_other() -> None:
    """Two images of a training set that look the same are no finding of a test set."""
    [first, second] = _hashes(2)
    assert near_groups([first], [second, _noisier(second)]) == []
    assert near_groups([first], [second, _noisier(first), _noisier(first, 5)]) == [NearGroup((0, 2, 3), False)]


def test_what_is_all_alike_is_one_group_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block leaves fewer pairs than it has images, as frames of a camera that stands still need."""
    left: list[Any] = []
    edges = near._edges

    def counted(*given: Any) -> Any:
        left.append(edges(*given))
        return left[-1]

    monkeypatch.setattr(near, "BLOCK", 50)
    monkeypatch.setattr(near, "_edges", counted)
    [one] = _hashes(1)
    [group] = near_groups([_noisier(one, seed) for seed in range(200)])
    assert group.places == tuple(range(200))
    assert len(left) == 10
    assert max(len(block.firsts) for block in left) < 100


def test_progress_counts_the_images_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain ones are not compared, and not counted."""
    reported: list[tuple[int, int]] = []
    monkeypatch.setattr(near, "BLOCK", 4)
    near_groups([*_hashes(9), PLAIN], progress=lambda done, total: reported.append((done, total)))
    assert reported == [(4, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize("hashes", [[], [PLAIN], [PLAIN, PLAIN]])
def test_nothing_is_in_no_group(hashes: list[ImageHash]) -> None:
    """Neither no images, nor plain ones."""
    assert near_groups(hashes) == []


@pytest.mark.slow
def test_five_thousand_hashes_take_little_time() -> None:
    """Less than 3 s of a core, so that a hundred thousand take minutes at most; it is about 0.3 s."""
    hashes = _hashes(5000)
    started = time.process_time()
    assert near_groups([*hashes, _noisier(hashes[7])]) == [NearGroup((7, 5000), is_mirrored=False)]
    assert time.process_time() - started < 3
