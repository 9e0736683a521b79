"""imgcls.store.predictions: what is stored comes out the same, for the very same key, image or file."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stored
from imgcls.store.connection import IMAGES_PER_QUERY
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY, OUTPUT, STATE


def test_predictions_of_many_images(store: Store) -> None:
    """Of more images than one statement takes, each comes back with its own prediction, and the rest is missing."""
    known, every = range(0, 3 * IMAGES_PER_QUERY, 2), [stored.sha256(n) for n in range(3 * IMAGES_PER_QUERY)]
    store.put({KEY: (1000, stored.outputs(known))})
    assert dict(stored.outputs(known)) == store.outputs(KEY, every)
    assert {stored.sha256(number) for number in range(1, 3 * IMAGES_PER_QUERY, 2)} == store.missing(KEY, every)


def test_keys_do_not_share_predictions(store: Store) -> None:
    """A prediction stored for one key is missing for every other."""
    store.put({KEY: (1000, stored.outputs([1])), OTHER_KEY: (10, stored.outputs([2]))})
    both = [stored.sha256(1), stored.sha256(2)]
    assert ({stored.sha256(2)}, {stored.sha256(1)}) == (
        store.missing(KEY, both),
        store.missing(OTHER_KEY, both),
    )
    assert (store.classes(KEY), store.classes(OTHER_KEY), store.classes("0" * 64)) == (1000, 10, None)


def test_predictions_survive_closing(folder: Path) -> None:
    """A store that is opened again has what was stored before; git ignores its folder."""
    with closing(Store(folder)) as first:
        first.put({KEY: (1000, stored.outputs([1]))})
    with closing(Store(folder)) as second:
        assert dict(stored.outputs([1])) == second.outputs(KEY, [stored.sha256(1)])
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_later_prediction_replaces_the_earlier(store: Store) -> None:
    """The same image stored again for the same key is one prediction, the later."""
    store.put({KEY: (1000, [(stored.sha256(1), OUTPUT)])})
    store.put({KEY: (1000, stored.outputs([1]))})
    assert dict(stored.outputs([1])) == store.outputs(KEY, [stored.sha256(1)])
    assert store.verify() == 1


def test_undecodable_images_are_stored(store: Store) -> None:
    """The reason why an image gives no pixels is stored per decoder, and for no other image."""
    images = [stored.sha256(number) for number in range(2 * IMAGES_PER_QUERY)]
    for image in (images[0], images[-1]):
        store.put_undecodable("Pillow 13", {image: ("truncated", "it ends after 7 bytes")})
    store.put_undecodable("Pillow 13", {images[0]: ("corrupt", "no such marker")})
    expected = {0: ("corrupt", "no such marker"), len(images) - 1: ("truncated", "it ends after 7 bytes")}
    assert expected == store.undecodable("Pillow 13", stored.index(images))
    assert store.undecodable("Pillow 14", stored.index(images)) == {}
    assert store.undecodable("Pillow 13", stored.index([])) == {}


@pytest.mark.parametrize(
    "other", [{"path": Path("/photos/cat/2.jpg")}, {"size": 8}, {"mtime_ns": STATE.mtime_ns + 1}, {"inode": 1}]
)
def test_a_file_is_known_by_all_of_its_state(store: Store, other: dict[str, Any]) -> None:
    """The hash is returned for the very same path, size, time and inode, up to the largest, and for no other."""
    store.put_hashed({STATE: stored.sha256(1)})
    assert store.hashed(STATE) == stored.sha256(1)
    assert store.hashed(replace(STATE, **other)) is None


def test_of_a_path_only_the_last_state_is_stored(store: Store) -> None:
    """A file that was changed and hashed again has no hash under its earlier state."""
    now = replace(STATE, mtime_ns=STATE.mtime_ns + 1)
    store.put_hashed({STATE: stored.sha256(1)})
    store.put_hashed({now: stored.sha256(2)})
    assert (store.hashed(STATE), store.hashed(now)) == (None, stored.sha256(2))


def test_paths_need_not_be_unicode(store: Store) -> None:
    """A path of any bytes has its hash."""
    odd = replace(STATE, path=Path(os.fsdecode(b"/photos/cat/\xff.jpg")))
    store.put_hashed({odd: stored.sha256(1)})
    assert store.hashed(odd) == stored.sha256(1)
