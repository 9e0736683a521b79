"""imgcls.collect.judge: which bytes are an image that is kept."""

import hashlib
import io

import pytest
from PIL import Image

from collect_site import photo
from imgcls.collect.judge import judge
from imgcls.collect.refusal import Refused
from imgcls.preprocessing import decode


def _refused(data: bytes, min_side: int = 64) -> tuple[str, str]:
    with pytest.raises(Refused) as caught, decode.quiet_pillow():
        judge(data, min_side)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tif")],
)
def test_the_suffix_follows_the_content(kind: str, suffix: str) -> None:
    """Whatever the URL was called."""
    data = photo(1, kind=kind)
    judged = judge(data, 64)
    assert (judged.suffix, judged.sha256) == (suffix, hashlib.sha256(data).hexdigest())


def test_what_does_not_decode() -> None:
    """The verdicts are those of a dataset."""
    assert _refused(b"<html><body>Not found</body></html>")[0] == "not_an_image"
    assert _refused(photo(1)[:-500])[0] == "truncated"
    assert _refused(b"") == ("empty", "it has 0 bytes")


def test_too_small() -> None:
    """The shorter side counts, exactly."""
    assert _refused(photo(1, (160, 63))) == (
        "too_small", "it has 160 x 63 pixels, and its shorter side should have 64"
    )  # fmt: skip
    assert judge(photo(1, (64, 64)), 64).suffix == ".jpg"


def test_a_format_of_no_photographs() -> None:
    """What decodes, and is not how anybody stores photographs, is refused by its name."""
    written = io.BytesIO()
    Image.open(io.BytesIO(photo(1))).save(written, "PCX")
    assert _refused(written.getvalue()) == ("unsupported", "it is in the format PCX: save it as JPEG, PNG or TIFF")
