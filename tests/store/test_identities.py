"""imgcls.store.identities: what keys are hashes of is kept with them, and where two differ, words say in what."""

from typing import Any

import pytest

import stored
from imgcls import hashing
from imgcls.store.database import Store
from imgcls.store.identities import unlike

PARTS = {"arch": "timm:net", "torch": "2.14.1", "flags": {"tf32": False}, "input": [1, (2, 3)], "options": {}}
KEY = hashing.of_json(PARTS)


def test_parts_come_back_as_json(store: Store) -> None:
    """Tuples are lists, and the hash of what comes back is the key."""
    store.put_parts(KEY, PARTS)
    store.put_parts(KEY, PARTS)
    assert store.parts(KEY) == {**PARTS, "input": [1, [2, 3]]}
    assert hashing.of_json(store.parts(KEY)) == KEY
    assert (store.parts("0" * 64), store.verify()) == (None, 0)


def test_damaged_parts_are_stored_anew(store: Store) -> None:
    """They are of use for messages only, so that nothing depends on them."""
    store.put_parts(KEY, PARTS)
    store._connection.execute("update identities set body = x'7b7d'")
    assert store.parts(KEY) is None
    store.put_parts(KEY, PARTS)
    assert store.parts(KEY) is not None
    assert store.verify() == 0


def test_parts_go_with_their_key(store: Store) -> None:
    """When nobody has used it for some time."""
    store.put({KEY: (10, stored.outputs([1]))})
    store.put_parts(KEY, PARTS)
    store.prune(1)
    assert store.parts(KEY) is not None
    store.prune(-1)
    assert store.parts(KEY) is None


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"torch": "2.14.0"}, {"torch": "2.14.1"}, ["torch 2.14.0 in A and 2.14.1 in B"]),
        ({"runtime": "eager"}, {"runtime": "openvino", "openvino": "2026.4"}, [
            "openvino none in A and 2026.4 in B", "runtime eager in A and openvino in B",
        ]),
        ({"cpu": "avx avx2"}, {"cpu": "avx avx2 amx_bf16"}, ["CPU instructions (only in B amx_bf16)"]),
        ({"cpu": "avx sve"}, {"cpu": "avx avx2"}, ["CPU instructions (only in A sve, only in B avx2)"]),
        (
            {"cpu": ""},
            {"cpu": " ".join(f"avx512_{number:02}" for number in range(20))},
            [f"CPU instructions (only in B {' '.join(f'avx512_{number:02}' for number in range(5))} ...)"],
        ),
        ({"state_sha256": "ab"}, {"state_sha256": "cd"}, ["another weights"]),
        ({"own_sources": {"nets": "ab"}}, {"own_sources": {"nets": "cd"}}, ["another own code"]),
        ({"imgcls_sha256": "ab"}, {"imgcls_sha256": "cd"}, ["another source of imgcls"]),
        ({"decoding": "pillow 12, exif ignore"}, {"decoding": "pillow 13, exif ignore"}, [
            "decoder pillow 12, exif ignore in A and pillow 13, exif ignore in B",
        ]),
        ({"a": 1}, {"a": 1}, []),
    ],
)  # fmt: skip
def test_what_differs_is_said(one: dict[str, Any], other: dict[str, Any], words: list[str]) -> None:
    """With both values, where they can be read."""
    assert list(unlike(one, "in A", other, "in B")) == words
