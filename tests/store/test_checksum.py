"""imgcls.store.checksum: a row with any other value, type, key or table has another checksum."""

from hypothesis import assume, given
from hypothesis import strategies as st

from imgcls.store import checksum

_values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)
_rows = st.lists(_values, min_size=1, max_size=6)


@given(_rows, st.data())
def test_another_value_is_noticed(row: list[checksum.Value], data: st.DataObject) -> None:
    """A value in the place of another, of its own type or of any other, changes the checksum."""
    place, value = data.draw(st.integers(0, len(row) - 1)), data.draw(_values)
    assume((type(value), value) != (type(row[place]), row[place]))
    other = [*row[:place], value, *row[place + 1 :]]
    assert checksum.of("names", *other) != checksum.of("names", *row)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_turned_bit_is_noticed(body: bytes, data: st.DataObject) -> None:
    """A bit of the content that is turned, or an end that is cut off, changes the checksum."""
    place = data.draw(st.integers(0, 8 * len(body) - 1))
    turned = bytearray(body)
    turned[place // 8] ^= 1 << place % 8
    expected = checksum.of("answers", b"key", b"image", body)
    assert checksum.of("answers", b"key", b"image", bytes(turned)) != expected
    assert checksum.of("answers", b"key", b"image", body[: place // 8]) != expected


@given(_rows)
def test_a_row_belongs_to_its_table(row: list[checksum.Value]) -> None:
    """The same values in another table have another checksum, and values cannot move from one column to the next."""
    assert checksum.of("names", *row) != checksum.of("choices", *row)
    assert checksum.of("names", "ab", "c", *row) != checksum.of("names", "a", "bc", *row)


def test_nothing_has_a_checksum_other_than_0() -> None:
    """A page of zeros does not pass for a row."""
    for row in ([], [None], [0], [b""], [""], [0, 0], [b"", b"", b""]):
        assert checksum.of("answers", *row) != 0
