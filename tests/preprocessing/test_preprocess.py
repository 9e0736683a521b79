"""imgcls.preprocessing.preprocess: bytes are decoded once, cropped for every network, and become one tensor."""

import io
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from builders import make_spec
from image_files import lossless_jpeg
from imgcls.errors import Undecodable
from imgcls.preprocessing import decode, geometry, preprocess, transforms, upper_rows
from imgcls.preprocessing.preprocess import Preprocessing

SMALL, LARGE = (Preprocessing(make_spec(side, (side, side)), "exact") for side in (8, 16))
FAST = SMALL._replace(decode="fast")


@pytest.fixture(scope="module")
def data() -> bytes:
    """A JPEG of noise, large enough to be decoded at a reduced size."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_stages_are_those_of_the_modules(data: bytes) -> None:
    """Decoded pixels and crops are what decode and transforms give, exact and fast."""
    prepared = preprocess.prepare(data, [SMALL, FAST, LARGE], whole=True)
    assert prepared.decoded is not None
    image = decode.decode(data)
    assert prepared.decoded.tobytes() == image.tobytes()
    reduced = decode.Decoding(data).fast(FAST.input)
    expected = {
        SMALL: transforms.crop(SMALL.input, image),
        LARGE: transforms.crop(LARGE.input, image),
        FAST: transforms.crop_fast(FAST.input, reduced),
    }
    assert prepared.crops.keys() == expected.keys()
    crops: Any = prepared.crops
    for preprocessing, crop in expected.items():
        assert np.array_equal(crops[preprocessing], crop)


def test_all_exact_preprocessings_share_one_decoding(data: bytes) -> None:
    """Fast ones decode by themselves; without any preprocessing the image is decoded and not cropped."""
    with mock.patch.object(decode, "decode", side_effect=decode.decode) as decoding:
        preprocess.prepare(data, [SMALL, LARGE], whole=True)
        assert decoding.call_count == 1
        assert preprocess.prepare(data, [FAST]).decoded is None
        assert decoding.call_count == 1
        only_decoded = preprocess.prepare(data, [])
    assert (decoding.call_count, dict(only_decoded.crops)) == (2, {})
    assert only_decoded.decoded is not None


def test_exact_crops_need_the_upper_rows_of_the_largest(data: bytes) -> None:
    """All pixels are decoded where they are requested, and where a network may take any of them."""
    cut = [Preprocessing(make_spec(48, (side, side)), "exact") for side in (8, 16)]
    own = SMALL._replace(own=mock.Mock(return_value=np.zeros((3, 8, 8), np.float32)))
    with mock.patch.object(upper_rows, "decode", side_effect=upper_rows.decode) as upper:
        crops = preprocess.prepare(data, cut).crops
        [call] = upper.call_args_list
        preprocess.prepare(data, cut, whole=True)
        preprocess.prepare(data, [SMALL, FAST])
        preprocess.prepare(data, [SMALL, own])
        assert upper.call_count == 1
    rows = call.args[1]((90, 120))
    assert rows == geometry.upper_rows(cut[1].input, (90, 120)) > geometry.upper_rows(cut[0].input, (90, 120))
    image = decode.decode(data)
    for preprocessing in cut:
        cropped = crops[preprocessing]
        assert isinstance(cropped, np.ndarray)
        assert np.array_equal(cropped, transforms.crop(preprocessing.input, image))


def test_a_file_has_pixels_for_each_by_itself(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the fast way succeeds, the fast one has its crop, and the exact ones have the reason."""
    refusal = Undecodable("corrupt", "its last block is damaged")
    monkeypatch.setattr(decode, "decode", mock.Mock(side_effect=refusal))
    prepared = preprocess.prepare(data, [SMALL, FAST, LARGE])
    assert set(prepared.crops) == {FAST}
    assert prepared.decoded is None
    assert prepared.undecodable == {SMALL: refusal, LARGE: refusal}


def test_remarks_are_of_the_way_of_decoding() -> None:
    """What is said of the fast pixels is not said of the exact ones."""
    lossless = lossless_jpeg(np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8))
    prepared = preprocess.prepare(lossless, [SMALL, FAST])
    assert prepared.remarks == {FAST: (decode.DECODED_EXACTLY,)}


@pytest.mark.parametrize("preprocessings", [[SMALL], [FAST], []])
def test_what_does_not_decode_has_a_reason(preprocessings: Any) -> None:
    """Whichever way is requested."""
    with pytest.raises(Undecodable, match="not_an_image"):
        preprocess.prepare(b"not an image", preprocessings)


def test_a_batch_holds_every_crop(data: bytes) -> None:
    """The crops of n images are one tensor (n, 3, h, w), each normalised as it is by itself."""
    crop: Any = preprocess.prepare(data, [SMALL]).crops[SMALL]
    batch = preprocess.batch(SMALL.input, [crop, 255 - crop])
    assert batch.shape == (2, 3, 8, 8)
    assert torch.equal(batch[:1], transforms.normalize(SMALL.input, crop[np.newaxis]))
