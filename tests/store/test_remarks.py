"""imgcls.store.remarks: what was noticed on images comes out the same, and none of it is lost unnoticed."""

from collections.abc import Sequence

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.store.connection import IMAGES_PER_QUERY
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY

DECODING = "Pillow 13, exif ignore"
FIRST, SECOND, THIRD = map(stored.sha256, range(3))


def _remarks(store: Store, images: Sequence[str], decoding: str = DECODING) -> dict[str, tuple[str, ...]]:
    """The remarks on these images, by their sha256."""
    return {images[position]: phrases for position, phrases in store.remarks(decoding, stored.index(images))}


def test_remarks_come_back_by_decoding_and_image(store: Store) -> None:
    """Of many images only those with remarks are returned, each with its own in order, and for no other decoding."""
    images = [stored.sha256(number) for number in range(2 * IMAGES_PER_QUERY)]
    remarks = {images[0]: ("16 bits", "rotated by Exif"), images[-1]: ("größer",)}
    store.put_remarks(DECODING, remarks)
    assert _remarks(store, images) == remarks
    assert _remarks(store, images, "Pillow 14") == {}


def test_remarks_add_up_and_the_last_on_an_image_stays(store: Store) -> None:
    """Batches of several calls are returned together; an image that is decoded again has its new remarks."""
    store.put_remarks(DECODING, {FIRST: ["old"], SECOND: ["second"]})
    store.put_remarks(DECODING, {FIRST: ["new"], THIRD: ["third"]})
    store.put_remarks(DECODING, {})
    assert _remarks(store, [FIRST, SECOND, THIRD]) == {FIRST: ("new",), SECOND: ("second",), THIRD: ("third",)}
    assert store.verify() == 0


def test_an_image_with_damaged_remarks_is_computed_again(store: Store) -> None:
    """Its predictions of every key go, so that it is decoded again; those of other images stay."""
    store.put({key: (10, stored.outputs(range(3))) for key in (KEY, OTHER_KEY)})
    store.put_remarks(DECODING, {FIRST: ["first"], SECOND: ["second"]})
    store._connection.execute("update remarks set body = ? where image = ?", (b'["fIrst"]', bytes.fromhex(FIRST)))
    assert _remarks(store, [FIRST, SECOND, THIRD]) == {SECOND: ("second",)}
    assert [store.missing(key, [FIRST, SECOND, THIRD]) for key in (KEY, OTHER_KEY)] == [{FIRST}, {FIRST}]
    assert store.damage.take() == (
        "damaged rows of the store were computed again (remarks: 1): `imgcls cache verify` shows whether there is more",
    )
    store.put_remarks(DECODING, {FIRST: ["first"]})
    assert _remarks(store, [FIRST, SECOND]) == {FIRST: ("first",), SECOND: ("second",)}
    assert store.verify() == 4


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("delete from remarks where image = ?", (bytes.fromhex(FIRST),)),
        ("delete from remarks", ()),
        ("delete from remarked", ()),
        ("update remarked set images = x'00'", ()),
        ("update remarks set image = ? where image = ?", (bytes.fromhex(THIRD), bytes.fromhex(FIRST))),
        ("update remarks set image = 3 where image = ?", (bytes.fromhex(FIRST),)),
    ],
    ids=["one", "all", "digest", "other digest", "other image", "other type"],
)
def test_where_remarks_are_lost_everything_is_computed_again(
    store: Store, statement: str, values: Sequence[bytes]
) -> None:
    """Which image has lost its remarks is not known, so none is served and every prediction goes, with a sentence."""
    images = [FIRST, SECOND, THIRD]
    store.put({key: (10, stored.outputs(range(3))) for key in (KEY, OTHER_KEY)})
    store.put_remarks(DECODING, {FIRST: ["first"], SECOND: ["second"]})
    store._connection.execute(statement, values)
    with pytest.raises(StoreError, match=r"is damaged; delete the file\n.*remark"):
        store.verify()
    assert _remarks(store, images) == {}
    assert [store.missing(key, images) for key in (KEY, OTHER_KEY)] == [set(images)] * 2
    assert store.damage.take() == ("remarks on images were lost in the store: all predictions were computed again",)
    store.put_remarks(DECODING, {SECOND: ["second"]})
    assert _remarks(store, images) == {SECOND: ("second",)}
    assert store.verify() == 0
