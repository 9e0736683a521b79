"""imgcls.evaluation.screening: which images are scored again in float32, and what that shows of the others."""

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stored
from imgcls.evaluation import metrics, screening
from imgcls.evaluation.screening import Screening
from imgcls.evaluation.state import DatasetState
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import Output
from imgcls.records.runtime import Form, RuntimeChoice, Screen, Screened
from imgcls.store.database import Store
from scoring_states import make_dataset

SCREEN = Screen("bfloat16", bound=0.5, images=64, again=9, largest=0.4, median=0.05)
CHOICE = RuntimeChoice("openvino", 1_000_000, screen=SCREEN)
IMAGES = 40


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def state() -> DatasetState:
    """Forty images without a label."""
    return make_dataset(range(IMAGES), "net")


def _output(*logits: float, form: Form | None = None, first: int = 0) -> Output:
    """Logits of classes ``first``, ``first + 1`` and so on, best first."""
    return Output(tuple((first + place, logit) for place, logit in enumerate(logits)), 0.0, (), form)


CLEAR, NEAR = _output(9.0, 1.0, 0.0), _output(1.25, 1.0, 0.0)


def _screening(store: Store, choice: RuntimeChoice = CHOICE) -> Screening:
    return Screening(choice, stored.KEY, store, {})


def _put(store: Store, rows: list[tuple[str, Output]]) -> None:
    store.put({stored.KEY: (3, rows)})


def _all(state: DatasetState) -> list[ImageRef]:
    return list(state.images)


def _right(logits: list[float], right: Collection[int]) -> tuple[int, bool]:
    best = np.argsort(-np.array(logits), kind="stable")
    return int(best[0]), not set(best[:5].tolist()).isdisjoint(right)


@given(
    st.lists(st.floats(-4, 4, width=32), min_size=2, max_size=14),
    st.data(),
    st.sets(st.integers(0, 13), max_size=3),
)
def test_no_count_changes_where_logits_move_by_less_than_the_margin(
    logits: list[float], data: st.DataObject, right: set[int]
) -> None:
    """Whatever two logits move against each other, as long as it is less."""
    row = np.array([logits], np.float32)
    [output] = metrics.outputs(row, np.zeros((1, 0), np.float32), [ImageRef("a.jpg", Path("a.jpg"), "00" * 32, None)])
    limit = min(screening.margin(output, right), 8.0)
    moves = st.lists(st.floats(-0.499, 0.499), min_size=len(logits), max_size=len(logits))
    moved = [logit + limit * move for logit, move in zip(logits, data.draw(moves), strict=True)]
    if limit > 1e-3:
        assert _right(moved, right) == _right(logits, right)


@pytest.mark.parametrize(
    ("right", "margin"),
    [((), 3.0), ((0,), 3.0), ((4,), 0.75), ((5,), 0.75), ((6,), 1.0), ((99,), 2.5), ((0, 4), 3.0)],
)
def test_what_counts_is_the_best_class_and_the_border_of_the_five(right: tuple[int, ...], margin: float) -> None:
    """For a class among the five that is right it is the sixth, for one below them the fifth; the best of several."""
    output = _output(9.0, 6.0, 5.5, 5.0, 4.75, 4.0, 3.75, 3.0, 2.5, 2.25)
    assert screening.margin(output, right) == margin


def test_among_five_classes_every_label_is_among_the_five_best() -> None:
    """Only the best class can change."""
    assert screening.margin(_output(4.0, 3.0, 2.9, 2.8, 2.7), (4,)) == 1.0


def test_distances_are_those_of_neighbours_against_each_other() -> None:
    """What moves all logits alike moves none past another; the seventh is too far down."""
    reduced = _output(9.0, 6.0, 5.5, 5.0, 4.5, 4.0, 3.5)
    exact = replace(reduced, top=tuple((index, logit - 1 + 0.25 * (index == 1)) for index, logit in reduced.top))
    assert screening.distances(reduced, exact) == [0.25, 0.25, 0.0, 0.0, 0.0]


def test_a_class_that_is_gone_has_fallen_below_the_last_one() -> None:
    """So that its distance is at least that."""
    assert screening.distances(_output(5.0, 4.0), _output(5.0, 1.0, first=0))[0] == 3.0
    assert screening.distances(_output(5.0, 4.0), Output(((0, 5.0), (7, 1.5)), 0.0, ())) == [2.5]


def test_the_bound_is_no_less_than_the_largest_distance_and_eight_medians() -> None:
    """Whichever is more, with something added to the largest."""
    exact = [_output(5.0, 4.0, 3.0)] * 3
    moved = [_output(5.0 + far, 4.0, 3.0) for far in (0.25, 0.5, 4.0)]
    screen = screening.measured("bfloat16", moved, exact, [()] * 3)
    assert (screen.largest, screen.median, screen.bound) == (4.0, 0.125, screening.FACTOR * 4.0)
    assert (screen.images, screen.again, screen.precision) == (3, 3, "bfloat16")
    even = screening.measured("bfloat16", [_output(5.25, 4.0, 3.25)] * 3, exact, [()] * 3)
    assert (even.median, even.bound) == (0.25, 2.0)
    assert screening.measured("bfloat16", [CLEAR, NEAR], [CLEAR, _output(1.5, 1.0, 0.0)], [()] * 2).again == 1


def test_images_too_near_are_scored_again_and_the_others_stand(store: Store, state: DatasetState) -> None:
    """Half of them are near; nothing is audited, since of a million images these are too few."""
    images, screen = _all(state), _screening(store)
    _put(store, screen.first([(image, NEAR if n % 2 else CLEAR) for n, image in enumerate(images)]))
    audited = {image.sha256 for image in images if screen._is_audited(image)}
    left = screen.left(state.distinct, state.distinct.flags)
    expected = [bool(n % 2) or image.sha256 in audited for n, image in enumerate(images)]
    assert left.tolist() == expected
    again = [image for image, is_left in zip(images, expected, strict=True) if is_left]
    _put(store, screen.again([(image, NEAR) for image in again]))
    assert not screen.left(state.distinct, state.distinct.flags).any()
    counted = screen.counted(state.distinct, state.distinct.flags)
    assert (counted.reduced, counted.again) == (IMAGES - len(again), len(again))


def test_bytes_that_are_listed_twice_are_scored_again(store: Store) -> None:
    """They may have two labels, of which only one was looked at."""
    state = make_dataset([0, 1, 1, 2], "net")
    screen = _screening(store)
    _put(store, screen.first([(image, CLEAR) for image in _all(state)[:2]]))
    assert screen.left(state.distinct, np.array([True, True, False, False])).tolist() == [False, True, False, False]


def _audited_of(state: DatasetState, store: Store, exact: Output) -> tuple[Screening, Screened]:
    """Clear predictions, of which all are audited, since there are few, and found to be ``exact``."""
    screen = _screening(store, replace(CHOICE, listed=IMAGES))
    images = _all(state)
    _put(store, screen.first([(image, CLEAR) for image in images]))
    left = screen.left(state.distinct, state.distinct.flags)
    again = [image for image, is_left in zip(images, left.tolist(), strict=True) if is_left]
    _put(store, screen.again([(image, exact) for image in again]))
    return screen, screen.counted(state.distinct, state.distinct.flags)


def test_an_audit_bounds_the_share_of_changed_counts(store: Store, state: DatasetState) -> None:
    """Exactly, as Clopper and Pearson do: of n without a change, at most 1 - 0.05 ** (1 / n)."""
    screen, counted = _audited_of(state, store, CLEAR)
    assert 20 < counted.audited < IMAGES
    assert (counted.again, counted.changed) == (counted.audited, 0)
    assert counted.most_changed == pytest.approx(1 - 0.05 ** (1 / counted.audited))
    assert not screen.left(state.distinct, state.distinct.flags).any()


def test_a_changed_count_that_is_found_has_all_others_scored_again(store: Store, state: DatasetState) -> None:
    """The bound becomes wider than the margin that was not enough."""
    screen, counted = _audited_of(state, store, Output(((1, 9.0), (0, 8.5), (2, 0.0)), 0.0, ()))
    bound = screening.FACTOR * screening.margin(CLEAR, ())
    assert _screening(store).bound == bound  # also where the process died before it went on
    assert counted.changed == counted.audited > 0
    assert counted.most_changed == 1.0
    assert int(screen.left(state.distinct, state.distinct.flags).sum()) == counted.reduced > 0
    assert screen.bound == bound


def test_what_an_engine_repeats_stays_what_it_was(store: Store, state: DatasetState) -> None:
    """A prediction in float32 is not held against one in float32."""
    screen, counted = _audited_of(state, store, CLEAR)
    _put(store, screen.again([(image, CLEAR) for image in _all(state)]))
    again = screen.counted(state.distinct, state.distinct.flags)
    assert (again.audited, again.reduced) == (counted.audited, 0)


def test_shards_add_up() -> None:
    """The bound on the share is that of all their audits together; one precision is none of two.

    Gaps up to the smaller bound were scored again in both.
    """
    one = Screened("bfloat16", 0.5, 70, 30, 10, 0, 0.26)
    both = screening.added(one, replace(one, bound=0.75, changed=1))
    assert both
    assert replace(both, most_changed=None) == Screened("bfloat16", 0.5, 140, 60, 20, 1, None)
    assert both.most_changed == pytest.approx(0.2161, abs=1e-4)
    assert screening.added(one, None) is None
