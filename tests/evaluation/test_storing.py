"""imgcls.evaluation.storing: what is computed is stored in time, together, and known from then on."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

import stored
from imgcls.errors import ModelError, StoreError
from imgcls.evaluation import storing
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.inputs import Rejected
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.evaluation.storing import Recorder
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import Failure, Output
from imgcls.store.database import Store
from scoring_states import make_dataset, make_result
from stored import KEY


@pytest.fixture
def store() -> Any:
    with closing(Store(None)) as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that it is, in a list."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def _recorder(state: DatasetState, store: Store) -> Recorder:
    return Recorder(state, list(state.models.values()), Decoding(state.dataset), store)


def _stored(store: Store, numbers: range) -> int:
    return len(numbers) - len(store.missing(KEY, [stored.sha256(number) for number in numbers]))


def test_results_are_stored_once_a_second(store: Store, clock: list[float]) -> None:
    """However many there are in a second, and however long one result took; a kill loses at most a second's."""
    recorder = _recorder(make_dataset(range(100), "net"), store)
    numbers = []
    for number, now in enumerate([100.2, 100.9, 101.0, 101.5, 105.0, 105.1]):
        clock[0] = now
        numbers.append((recorder.add(make_result([number], "net")), _stored(store, range(100))))
    assert numbers == [(0, 0), (0, 0), (3, 3), (0, 3), (2, 5), (0, 5)]
    assert (recorder.commit(), _stored(store, range(100)), recorder.commit()) == (1, 6, 0)


def test_results_are_stored_when_there_are_many(
    store: Store, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also within a second, so that memory does not grow with the speed of a network."""
    monkeypatch.setattr(storing, "IMAGES_PER_COMMIT", 5)
    recorder = _recorder(make_dataset(range(20), "net"), store)
    assert [recorder.add(make_result([n, n + 1], "net")) for n in range(0, 12, 2)] == [0, 0, 6, 0, 0, 6]
    assert clock == [100.0]


def test_what_predictions_show_is_stored_together_with_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a bound that was too narrow: of a process that is killed there are both or neither."""
    was_open: list[bool] = []

    def as_stored(_: ModelState, scored: Sequence[tuple[ImageRef, Output]]) -> list[tuple[str, Output]]:
        was_open.append(store._connection.in_transaction)
        return [(image.sha256, output) for image, output in scored]

    monkeypatch.setattr(ModelState, "as_stored", as_stored)
    recorder = _recorder(make_dataset([1], "net"), store)
    recorder.add(make_result([1], "net"))
    assert (recorder.commit(), was_open, _stored(store, range(1, 2))) == (1, [True], 1)


def test_what_is_stored_is_missing_no_longer(store: Store) -> None:
    """Images that come twice count once, as from an engine that repeats work; copies have the state of the first."""
    state = make_dataset([1, 2, 3, 1], "net", "other")
    recorder = _recorder(state, store)
    recorder.add(make_result([1, 2], "net", seconds={"net": 2.0}))
    recorder.add(make_result([2, 1], "net", seconds={"net": 1.0}))
    assert state.models["net"].missing.tolist() == [True, True, True, False]
    recorder.commit()
    recorder.add(make_result([1], "net"))
    recorder.commit()
    net, other = state.models.values()
    assert (net.missing.tolist(), net.computed, net.seconds) == ([False, False, True, False], 2, 3.0)
    assert (other.missing.tolist(), other.computed) == ([True, True, True, False], 0)
    assert state.listed(state.scored(net)).tolist() == [True, True, False, True]


def test_what_is_not_stored_is_missing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the transaction fails, nothing of it is known."""
    state = make_dataset(range(3), "net")
    recorder = _recorder(state, store)
    recorder.add(make_result([0, 1], "net"))
    monkeypatch.setattr(store, "put", _raising(StoreError("the disk is full")))
    with pytest.raises(StoreError, match="the disk is full"):
        recorder.commit()
    assert state.models["net"].missing.all()


def _raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_model_that_failed_has_nothing_stored(store: Store) -> None:
    """What it predicted before in the same second does not count."""
    state = make_dataset(range(3), "net")
    recorder = _recorder(state, store)
    recorder.add(make_result([0], "net"))
    state.failures["net"] = Failure(ModelError.exit_code, "ill")
    recorder.commit()
    assert _stored(store, range(3)) == 0


@pytest.mark.parametrize("together", [True, False])
def test_a_prediction_counts_where_another_try_had_no_memory(store: Store, together: bool) -> None:
    """In whichever order the two come, as from an engine that repeats work."""
    state = make_dataset([1, 2], "net")
    recorder = _recorder(state, store)
    for numbers in ([1], [2]):
        failed, right = make_result([], "net"), make_result(numbers, "net")
        [image] = [image for image in state.images if image.sha256 == stored.sha256(numbers[0])]
        failed.rejected["exact"] = [Rejected(image, "out_of_memory", "it does not fit", permanent=False)]
        for result in (failed, right) if numbers == [1] else (right, failed):
            recorder.add(result)
            if not together:
                recorder.commit()
    recorder.commit()
    [net] = state.models.values()
    assert (net.rejected, net.computed, state.scored(net).tolist()) == ({}, 2, [True, True])


def test_rejections_and_remarks_are_known_by_position(store: Store) -> None:
    """A rejection only of models that lack the image, and stored only where it is permanent; with the predictions."""
    state = make_dataset([1, 2, 3], "net", "other")
    state.models["other"].missing[1] = False
    first, second, third = state.images
    result = make_result([3], "net", "other")
    result.rejected["exact"] = [
        Rejected(second, "corrupt", "no such marker", permanent=True),
        Rejected(first, "missing", "it is gone", permanent=False),
    ]
    result.remarks["exact"][third.sha256] = ("is grey",)
    recorder = _recorder(state, store)
    recorder.add(result)
    recorder.commit()
    net, other = state.models.values()
    assert net.rejected == {1: ("corrupt", "no such marker"), 0: ("missing", "it is gone")}
    assert other.rejected == {0: ("missing", "it is gone")}
    assert net.remarks is not None
    assert [net.remarks.phrases[number] for number in net.remarks.numbers.tolist()] == [(), (), ("is grey",)]
    decoding = Decoding(state.dataset)
    assert store.undecodable(decoding.rejecting("exact"), state.distinct.index) == {1: ("corrupt", "no such marker")}
    assert list(store.remarks(decoding.remarking("exact"), state.distinct.index)) == [(2, ("is grey",))]
