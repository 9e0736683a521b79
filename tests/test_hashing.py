"""imgcls.hashing: equal values always have the same hash, and others have another."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls import hashing

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_file_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    """A file's digest is the sha256 of its bytes, as any other tool computes it."""
    file = tmp_path / "weights.bin"
    file.write_bytes(b"abc")
    assert hashing.file_sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_file_sha256_of_nothing(tmp_path: Path) -> None:
    """An absent file has no digest: the error is the one of ``open``."""
    with pytest.raises(FileNotFoundError, match=r"absent\.bin"):
        hashing.file_sha256(tmp_path / "absent.bin")


def test_json_is_canonical() -> None:
    """What is hashed is sorted, dense ASCII JSON; stored keys depend on every byte of it."""
    expected = hashlib.sha256(rb'{"a":[1,2.5,null],"b":"\u00e9"}').hexdigest()
    assert expected == hashing.of_json({"b": "é", "a": (1, 2.5, None)})


@given(st.dictionaries(st.text(), _values))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    """Two mappings that are equal have one digest, whatever order they were filled in."""
    assert hashing.of_json(value) == hashing.of_json(dict(reversed(value.items())))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_without_json_are_refused(number: float) -> None:
    """NaN equals nothing, so it cannot be part of a key; infinities are no JSON either."""
    with pytest.raises(ValueError, match="Out of range float"):
        hashing.of_json({"logit": [number]})


def test_values_without_json_are_refused(tmp_path: Path) -> None:
    """A value that JSON cannot hold is an error, not its ``repr``."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        hashing.of_json({"path": tmp_path})
