"""Predictions stay where the pixels do, and what harmless changes move is measured."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract_networks import Net, image_file, tried
from imgcls.contracts import reencode
from imgcls.contracts.check import check
from imgcls.models import loader
from imgcls.records.config import ModelSpec
from networks import INPUT


def test_lossless_encodings_change_nothing(tmp_path: Path) -> None:
    """Of each kind the images are counted, and those that cannot be encoded so are named."""
    images = [
        image_file(tmp_path, "baseline.jpg", 0),
        image_file(tmp_path, "progressive.jpg", 1, progressive=True),
        image_file(tmp_path, "plain.png", 2),
        image_file(tmp_path, "plain.bmp", 3),
    ]
    result = tried("lossless", None, *images)
    assert result.status == "pass"
    assert (
        "4 as PNG, 3 without metadata, 2 rewritten from baseline to progressive or back (4 images; " in result.message
    )
    assert "Exif orientation ignored, colour profiles ignored)" in result.message
    assert (
        "not tried: plain.bmp without metadata (it is neither a JPEG nor a PNG); plain.png rewritten" in result.message
    )


def test_decoding_that_gives_other_pixels_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its stage, with the image and by how much logits move."""

    def lossy(data: bytes, _exif: Any) -> bytes:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").save(buffer, "JPEG", quality=30)
        return buffer.getvalue()

    monkeypatch.setattr(reencode, "ENCODERS", {"as PNG": lossy})
    result = tried("lossless", None, *(image_file(tmp_path, f"{number}.png", number) for number in range(4)))
    assert result.status == "fail"
    expected = "as PNG, 4 of 4 images change: 0.png, 1.png, 2.png, 3.png; decoding gives other pixels, logits by up to"
    assert result.message.startswith(expected)


def test_an_orientation_that_counts(tmp_path: Path) -> None:
    """Where Exif turns images upright, a re-encoding without any metadata would be another image."""
    exif = Image.Exif()
    exif[0x0112] = 6
    images = [image_file(tmp_path, "turned.jpg", exif=exif), image_file(tmp_path, "turned.png", exif=exif)]
    result = tried("lossless", None, *images, exif="apply")
    assert result.status == "pass"
    assert "Exif orientation applied" in result.message


def test_fast_decoding_states_what_it_cannot_keep() -> None:
    """A JPEG that is decoded at a scale has other pixels than a PNG of it, by intent."""
    spec = ModelSpec("net", "timm:test_resnet", weights="random:0", decode="fast", input=INPUT)
    result = check("lossless", loader.load(spec, "cpu"), [])
    assert result.status == "pass"
    assert "0 as PNG, 4 without metadata, 4 rewritten" in result.message
    assert 'not tried: as PNG, because decode = "fast" decodes a JPEG at a scale and a PNG whole' in result.message


def test_flips_are_reported_with_an_interval(tmp_path: Path) -> None:
    """Each by itself, with the images and both classes; none of it fails without a budget."""
    images = [image_file(tmp_path, f"{number}.png", number) for number in range(4)]
    result = tried("flips", None, *images)
    assert result.status == "pass"
    assert result.message.startswith("images whose best class moves, with 95 % intervals (4 images): horizontal flip ")
    for what in ("horizontal flip", "shift by one pixel", "JPEG quality 95"):
        assert f"{what} " in result.message
    assert "synthetic" not in result.message
    assert "budget" not in result.message


def test_a_network_that_sees_no_difference() -> None:
    """Its shares are 0 of 8, up to 36.9%: eight images show no more (Clopper-Pearson)."""

    class Constant(Net):
        def forward(self, batch: Any) -> Any:
            return super().forward(batch) * 0

    model = loader.from_module(Constant(), "net", INPUT, "digits", "cpu")
    message = check("flips", model, [], budget=0.0).message
    share = "0 of 8 (0.0%, 0.0% to 36.9%)"
    assert message == (
        f"images whose best class moves, with 95 % intervals (8 synthetic images): horizontal flip {share}; "
        f"shift by one pixel {share}; JPEG quality 95 {share}; the budget is 0.0%"
    )


@pytest.mark.parametrize(("budget", "status"), [(0.0, "fail"), (1.0, "pass")])
def test_a_budget_that_is_exceeded(budget: float, status: str) -> None:
    """A network that tells left from right; the flips are named with both classes."""

    class Left(Net):
        def forward(self, batch: Any) -> Any:
            return batch[:, :, :, :16].mean(dim=(2, 3)) - batch[:, :, :, 16:].mean(dim=(2, 3))

    model = loader.from_module(Left(), "net", INPUT, ["red", "green", "blue"], "cpu")
    result = check("flips", model, [], budget=budget)
    assert result.status == status
    assert "horizontal flip 8 of 8 (100.0%, 63.1% to 100.0%): synthetic image 0 " in result.message
    assert "red ->" in result.message
