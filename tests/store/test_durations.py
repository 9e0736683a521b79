"""imgcls.store.durations: how long predictions took is known as long as they are."""

import pytest

import stored
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY


def test_passes_add_up_by_key_dataset_and_machine(store: Store) -> None:
    """A resumed run has the mean of both its parts; what another machine or dataset took is not in it."""
    store.add_duration(KEY, "photos", "a machine", 10, 5.0)
    store.add_duration(KEY, "photos", "a machine", 30, 7.0)
    store.add_duration(KEY, "photos", "another machine", 10, 100.0)
    store.add_duration(KEY, "digits", "a machine", 10, 1.0)
    assert store.seconds_per_image(KEY, "photos", "a machine") == pytest.approx(0.3)
    assert store.seconds_per_image(KEY, "photos", "another machine") == pytest.approx(10.0)
    assert store.seconds_per_image(KEY, "digits", "a machine") == pytest.approx(0.1)
    assert store.seconds_per_image(KEY, "sketches", "a machine") is None
    assert store.seconds_per_image(OTHER_KEY, "photos", "a machine") is None
    assert store.verify() == 0


def test_a_damaged_duration_is_not_known(store: Store) -> None:
    """It counts as damage, and the next pass begins anew."""
    store.add_duration(KEY, "photos", "a machine", 10, 5.0)
    store._connection.execute("update durations set seconds = 500.0")
    assert store.seconds_per_image(KEY, "photos", "a machine") is None
    [sentence] = store.damage.take()
    assert "durations: 1" in sentence
    store.add_duration(KEY, "photos", "a machine", 10, 2.0)
    assert store.seconds_per_image(KEY, "photos", "a machine") == pytest.approx(0.2)


def test_they_go_with_their_predictions(store: Store) -> None:
    """What is pruned has no duration any more."""
    store.put({key: (10, stored.outputs([1])) for key in (KEY, OTHER_KEY)})
    for key in (KEY, OTHER_KEY):
        store.add_duration(key, "photos", "a machine", 10, 5.0)
    store._connection.execute("update keys set used_at = 0 where sha256 = ?", (bytes.fromhex(KEY),))
    store.prune(1)
    assert store.seconds_per_image(KEY, "photos", "a machine") is None
    assert store.seconds_per_image(OTHER_KEY, "photos", "a machine") == pytest.approx(0.5)
