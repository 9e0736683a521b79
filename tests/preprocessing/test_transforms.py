"""preprocess: the pixels and tensors of torchvision's and timm's own evaluation transforms, bit for bit."""

import io
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from timm.data import transforms as timm_transforms
from timm.data.transforms_factory import transforms_imagenet_eval
from torchvision import transforms as tv_transforms
from torchvision.transforms._presets import ImageClassification

from builders import CROP_MODES, INTERPOLATIONS, MEAN, STD, make_spec
from fake_device import fake_cuda
from imgcls.errors import ConfigError
from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import geometry, resample_float, resample_numpy, resize, transforms
from imgcls.records.config import CropMode, InputSpec, Interpolation

TIMM = tuple(int(part) for part in re.findall(r"\d+", timm.__version__)[:3])
_Triple = tuple[float, float, float]
_TRIPLES = st.tuples(*[st.floats(0.01, 2.0)] * 3)
ELONGATED = [(20000, 1), (1, 20000), (60000, 2), (2, 60000)]  # (w, h)
few_examples = settings(max_examples=20, derandomize=True, deadline=None)
small = st.integers(1, 48)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng((width, height)).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def theirs(spec: InputSpec) -> Callable[[Image.Image], Image.Image]:
    """Build the libraries' own transform for ``spec``, of their own pieces."""
    mode = tv_transforms.InterpolationMode(spec.interpolation)
    fill = [round(255 * value) for value in spec.mean]
    resize: Callable[[Image.Image], Image.Image]
    if spec.crop_mode == "border":
        resize = timm_transforms.ResizeKeepRatio(spec.resize, longest=1.0, interpolation=spec.interpolation)
        cut = timm_transforms.CenterCropOrPad(list(spec.crop), fill=fill)
    else:
        cut = tv_transforms.CenterCrop(spec.crop)
        if spec.crop_mode == "center" and not isinstance(spec.resize, int):
            resize = timm_transforms.ResizeKeepRatio(spec.resize, interpolation=spec.interpolation)
        else:
            resize = tv_transforms.Resize(spec.resize, interpolation=mode)
    return lambda image: cut(resize(image))


def assert_same_pixels(spec: InputSpec, image: Image.Image) -> None:
    expected = np.asarray(theirs(spec)(image))
    actual = transforms.crop(spec, image)
    assert np.array_equal(expected, actual), f"{spec} of {image.width} x {image.height}"


@st.composite
def sizes(draw: st.DrawFn, longest: int) -> tuple[int, int]:
    """Widths and heights, mostly small, whose ratio is 1:60 at most."""
    long = draw(st.one_of(st.integers(1, 64), st.integers(1, 200), st.integers(1, longest)))
    short = draw(st.integers(max(1, -(-long // 60)), long))
    return draw(st.sampled_from([(long, short), (short, long)]))


@st.composite
def specs(draw: st.DrawFn, crop_mode: CropMode, interpolation: Interpolation) -> InputSpec:
    whole = small if crop_mode == "center" else st.nothing()
    resize = draw(st.one_of(whole, st.tuples(small, small)))
    return make_spec(resize, draw(st.tuples(small, small)), crop_mode, interpolation)


def timm_can(spec: InputSpec, width: int, height: int) -> bool:
    """Whether timm leaves at least one pixel of the image in each direction."""
    if isinstance(spec.resize, int) or spec.crop_mode != "border":
        return True
    ratio = max(height / spec.resize[0], width / spec.resize[1])
    return min(round(height / ratio), round(width / ratio)) > 0


@contextmanager
def resizing_with(**changed: Any) -> Iterator[None]:
    """Resize by other rules, which are remembered by size."""
    with mock.patch.multiple(resize, **changed):
        resize._way.cache_clear()
        yield
    resize._way.cache_clear()


@pytest.fixture(params=["pillow", "integers", "products"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Send every image through Pillow, or through one of the two ways in NumPy."""
    products = INTERPOLATIONS if request.param == "products" else ()
    with (
        mock.patch.object(resample_float, "_INTERPOLATIONS", products),
        resizing_with(_pillow_is_frugal=mock.Mock(return_value=request.param != "integers")),
    ):
        yield request.param


class TestGeometry:
    """Sizes and positions, without pixels."""

    @few_examples
    @given(size=st.tuples(st.integers(1, 70000), st.integers(1, 70000)), side=st.integers(1, 600))
    def test_an_integer_is_the_shorter_side(self, size: tuple[int, int], side: int) -> None:
        """The other side is cut off to whole pixels as torchvision does it."""
        expected = tv_transforms.functional._compute_resized_output_size(size, [side])
        assert tuple(expected) == geometry.resized_size(make_spec(side, (1, 1)), size)

    @pytest.mark.parametrize(("crop_mode", "longest"), [("center", 0.0), ("border", 1.0)])
    def test_proportions_are_kept_as_timm_keeps_them(self, crop_mode: CropMode, longest: float) -> None:
        """The image covers (h, w) in mode center and fits into it in mode border, rounded as timm rounds."""
        target = (224, 288)
        for size in [(375, 500), (500, 375), (333, 1001), (224, 288), (17, 3)]:
            image = Image.new("RGB", size[::-1])
            expected = timm_transforms.ResizeKeepRatio.get_params(image, target, longest)
            assert tuple(expected) == geometry.resized_size(make_spec(target, (1, 1), crop_mode), size)

    def test_squash_forgets_the_proportions(self) -> None:
        """Mode squash gives exactly the size that was requested."""
        assert geometry.resized_size(make_spec((224, 288), (1, 1), "squash"), (3, 1000)) == (224, 288)

    def test_no_image_is_too_thin_for_a_border(self) -> None:
        """Where timm's rounding leaves no pixel and its resize fails, one pixel is kept."""
        spec = make_spec((224, 224), (224, 224), "border")
        assert geometry.resized_size(spec, (2, 60000)) == (1, 224)
        assert transforms.crop(spec, noise(60000, 2)).shape == (224, 224, 3)

    def test_a_mean_that_is_no_colour_has_the_nearest_one_as_its_border(self) -> None:
        """Means of pixels up to 255 are a mistake that is told, and no error."""
        spec = replace(make_spec((8, 8), (10, 10), "border"), mean=(127.0, 0.5, -0.5))
        assert transforms.crop(spec, noise(8, 8))[0, 0].tolist() == [255, 128, 0]

    @pytest.mark.parametrize("crop_mode", ["squash", "border"])
    def test_one_number_is_not_a_size(self, crop_mode: CropMode) -> None:
        """Modes squash and border refuse an integer and say what to write instead."""
        with pytest.raises(ConfigError, match=rf'"{crop_mode}" needs resize = \[h, w\].*write resize = \[256, 256\]'):
            geometry.resized_size(make_spec(256, (224, 224), crop_mode), (300, 400))

    @pytest.mark.parametrize(
        ("side", "wanted", "start"),
        [(256, 224, 16), (227, 224, 2), (225, 224, 0), (224, 224, 0), (223, 224, 0), (221, 224, -1), (1, 4, -1)],
    )
    def test_the_crop_is_in_the_middle(self, side: int, wanted: int, start: int) -> None:
        """Half pixels are rounded to even, and an odd pixel of padding goes to the end."""
        assert geometry.crop_window(side, wanted) == range(start, start + wanted)


class TestCrop:
    """The pixels of torchvision's and timm's resize and crop."""

    @pytest.mark.parametrize("interpolation", INTERPOLATIONS)
    @pytest.mark.parametrize("crop_mode", CROP_MODES)
    def test_any_size(self, crop_mode: CropMode, interpolation: Interpolation, way: str) -> None:
        """Every mode and interpolation is exact for any sizes, padded or cut, by Pillow and by NumPy alike."""

        @few_examples
        @given(size=sizes(longest=300 if way == "integers" else 2000), spec=specs(crop_mode, interpolation))
        def check(size: tuple[int, int], spec: InputSpec) -> None:
            if timm_can(spec, *size):
                assert_same_pixels(spec, noise(*size))

        check()

    @pytest.mark.parametrize(
        ("source", "target", "wanted", "span"),
        [
            (375, 256, range(16, 240), range(16, 240)),
            (500, 384, range(80, 304), range(306)),
            (500, 385, range(81, 305), range(308)),
            (500, 341, range(59, 283), range(341)),
            (300, 300, range(38, 262), range(38, 262)),
            (65536, 256, range(16, 240), range(16, 240)),
            (65537, 256, range(16, 240), range(256)),
        ],
    )
    def test_a_part_that_can_be_resized_by_itself(self, source: int, target: int, wanted: range, span: range) -> None:
        """Only a power of two in the ratio allows any part, another divisor one from the start, size 24 bits of it."""
        assert geometry.Side(source, target, wanted).span() == span

    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
    def test_a_part_resized_by_itself_has_the_pixels_of_the_whole(self, interpolation: Interpolation) -> None:
        """Whatever the ratio, Pillow makes the very pixels of what it is given that it makes of the whole side."""
        resampling = Image.Resampling[interpolation.upper()]

        @settings(max_examples=300, derandomize=True, deadline=None)
        @given(
            source=st.integers(1, 5000),
            target=st.one_of(
                st.integers(1, 600),
                st.builds(lambda power, odd: odd << power, st.integers(3, 9), st.sampled_from([1, 3])),
            ),
            ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
        )
        def check(source: int, target: int, ends: tuple[float, float]) -> None:
            start, stop = (min(target - 1, int(end * target)) for end in sorted(ends))
            side, image = geometry.Side(source, target, range(start, stop + 1)), noise(source, 1)
            span = side.span()
            assert span.start <= start <= stop < span.stop <= target
            whole = np.asarray(image.resize((target, 1), resampling))
            shown = slice(start - span.start, stop + 1 - span.start)
            for is_vertical, axes in ((False, (0, 1, 2)), (True, (1, 0, 2))):
                strip = resize._strip(side, range(1), is_vertical, interpolation)
                turned = Image.fromarray(np.asarray(image).transpose(axes))
                part = np.asarray(turned.crop(strip.taken).resize(strip.size, resampling, strip.box))
                assert np.array_equal(whole[:, start : stop + 1], part.transpose(axes)[:, shown])

        check()

    @pytest.mark.parametrize("interpolation", INTERPOLATIONS)
    @pytest.mark.parametrize("crop_mode", CROP_MODES)
    @pytest.mark.parametrize("size", [(500, 375), (375, 500), (8, 8), (224, 256), (1000, 333)])
    def test_sizes_of_practice(self, size: tuple[int, int], crop_mode: CropMode, interpolation: Interpolation) -> None:
        """The usual 256 and 224 are exact for photographs, tiny images and those that need no resize."""
        resize = 256 if crop_mode == "center" else (256, 256)
        assert_same_pixels(make_spec(resize, (224, 224), crop_mode, interpolation), noise(*size))

    @pytest.mark.parametrize("interpolation", INTERPOLATIONS)
    @pytest.mark.parametrize("size", ELONGATED)
    def test_elongated_images(self, size: tuple[int, int], interpolation: Interpolation) -> None:
        """Ratios up to 1:30000 are exact, cut and squashed."""
        assert_same_pixels(make_spec(8, (7, 7), "center", interpolation), noise(*size))
        assert_same_pixels(make_spec((32, 24), (30, 20), "squash", interpolation), noise(*size))

    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
    def test_many_strips_and_blocks(self, interpolation: Interpolation) -> None:
        """Seams between the strips and blocks of large images do not show."""
        with resizing_with(_STRIP=999), mock.patch.object(resample_numpy, "_BLOCK", 99):
            assert_same_pixels(make_spec(48, (40, 44), "center", interpolation), noise(100, 90))
            assert_same_pixels(make_spec(16, (14, 14), "center", interpolation), noise(5000, 2))

    @pytest.mark.usefixtures("way")
    @pytest.mark.parametrize("height", [158, 159, 160, 161, 162, 200, 201])
    @pytest.mark.parametrize("width", [40, 60, 61, 80])
    def test_pillows_order_of_passes(self, width: int, height: int) -> None:
        """Around the sizes where Pillow 13 turns from one order of its passes to the other, so does the crop."""
        assert_same_pixels(make_spec((height, width), (150, 30), "squash", "bicubic"), noise(60, 200))

    @pytest.mark.usefixtures("way")
    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
    def test_before_pillow_13_rows_came_first(self, interpolation: Interpolation) -> None:
        """Where Pillow always resized horizontally first, so does the crop, and the results differ."""
        filter_ = Image.Resampling[interpolation.upper()]
        image, spec = noise(60, 90), make_spec((30, 50), (28, 40), "squash", interpolation)
        resized = image.resize((50, 90), filter_).resize((50, 30), filter_)
        with resizing_with(_PILLOW_MAJOR=12):
            assert np.array_equal(np.asarray(resized.crop((5, 1, 45, 29))), transforms.crop(spec, image))
        with resizing_with(_PILLOW_MAJOR=13):
            assert not np.array_equal(np.asarray(resized.crop((5, 1, 45, 29))), transforms.crop(spec, image))

    def test_nearest_adds_up_its_rounding_errors(self) -> None:
        """Positions in a side that is computed block by block are those of one sum from its start."""
        expected = np.asarray(Image.fromarray(np.arange(49999, dtype=np.int32)[None]).resize((300007, 1), 0))[0]
        with mock.patch.object(resample_numpy, "_BLOCK", 1000):
            actual = resample_numpy._nearest(geometry.Side(49999, 300007, range(123456, 300007)))
        assert np.array_equal(expected[123456:], actual)

    @pytest.mark.shared
    @pytest.mark.slow
    def test_real_photographs(self, shared_data: Path) -> None:
        """Every mode and interpolation is exact on some photographs; all of them are the last test's."""
        for file in sorted((shared_data / "photos").glob("*/*"))[::20]:
            with Image.open(file) as opened:
                image = opened.convert("RGB")
            for crop_mode in CROP_MODES:
                resize = 256 if crop_mode == "center" else (256, 256)
                for interpolation in INTERPOLATIONS:
                    assert_same_pixels(make_spec(resize, (224, 224), crop_mode, interpolation), image)

    @pytest.mark.parametrize("size", [(500, 375), (60, 40), (20000, 1)])
    def test_the_array_is_the_callers(self, size: tuple[int, int]) -> None:
        """The result is uint8 and writable, and the image stays as it was."""
        image = noise(*size)
        pixels = transforms.crop(make_spec(64, (56, 72)), image)
        pixels[:] = 0
        assert (pixels.shape, pixels.dtype.name) == ((56, 72, 3), "uint8")
        assert image == noise(*size)

    def test_threads_share_an_image(self) -> None:
        """Several threads may crop the same image at once."""
        spec, image = make_spec(256, (224, 224)), noise(500, 375)
        with ThreadPoolExecutor(4) as pool:
            crops = list(pool.map(lambda _: transforms.crop(spec, image), range(16)))
        expected = np.asarray(theirs(spec)(image))
        assert all(np.array_equal(expected, actual) for actual in crops)


@pytest.mark.skipif(sys.platform == "win32", reason="memray does not run on Windows")
class TestMemory:
    """What a crop allocates, Pillow's own memory included."""

    @staticmethod
    def peak_bytes(file: Path, work: Callable[[], Any]) -> int:
        import memray

        with memray.Tracker(file):
            work()
        return int(memray.FileReader(file).metadata.peak_memory)

    @pytest.mark.parametrize("size", ELONGATED)
    def test_elongated_images_are_cheap(self, tmp_path: Path, size: tuple[int, int]) -> None:
        """An image that torchvision resizes to gigabytes costs less than 8 MB, beyond the 150 KB of its crop."""
        specs = [make_spec(256, (224, 224), "center", interpolation) for interpolation in INTERPOLATIONS]
        image = noise(*size)
        reduced = geometry.Reduced(image, 1, size[::-1])
        assert self.peak_bytes(tmp_path / "peak.bin", lambda: [transforms.crop(s, image) for s in specs]) < 8_000_000
        fast = self.peak_bytes(tmp_path / "fast.bin", lambda: [transforms.crop_fast(s, reduced) for s in specs])
        assert fast < 8_000_000

    @pytest.mark.parametrize("size", ELONGATED)
    def test_elongated_images_are_squashed_cheaply(self, tmp_path: Path, size: tuple[int, int]) -> None:
        """No pass between the two sizes is held whole: that of 2 x 60000 pixels would be 60 MB."""
        spec, image = make_spec((256, 256), (224, 224), "squash"), noise(*size)
        assert self.peak_bytes(tmp_path / "peak.bin", lambda: transforms.crop(spec, image)) < 16_000_000

    def test_the_measure_sees_pillow(self, tmp_path: Path) -> None:
        """The same measure finds every byte of the 1 x 20000 image that torchvision resizes as a whole."""
        work = theirs(make_spec(16, (14, 14)))
        peak = self.peak_bytes(tmp_path / "peak.bin", lambda: work(noise(20000, 1)))
        assert peak > 16 * 320_000 * 4


class TestNormalize:
    """The tensors of torchvision's and timm's complete transforms."""

    def test_every_byte_value(self) -> None:
        """ToTensor and Normalize give the same bits for all 256 values in each channel."""
        crops = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
        to_tensor = tv_transforms.Compose([tv_transforms.ToTensor(), tv_transforms.Normalize(MEAN, STD)])
        assert torch.equal(to_tensor(crops[0])[None], transforms.normalize(make_spec(16, (16, 16)), crops))

    def test_the_batch_is_contiguous_and_the_crops_stay(self) -> None:
        """The result is float32 (n, 3, h, w) in that order in memory, and its source is not written to."""
        crops = np.random.default_rng(0).integers(0, 256, (5, 7, 9, 3), np.uint8)
        before = crops.copy()
        batch = transforms.normalize(make_spec(7, (7, 9)), crops)
        assert (tuple(batch.shape), batch.dtype, batch.is_contiguous()) == ((5, 3, 7, 9), torch.float32, True)
        assert np.array_equal(before, crops)

    def test_images_are_normalised_one_by_one(self) -> None:
        """The bits of many are those of each, and of none for none."""
        spec, crops = make_spec(8, (8, 8)), np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), np.uint8)
        expected = torch.cat([transforms.normalize(spec, crop[None]) for crop in crops])
        assert torch.equal(expected, transforms.normalize(spec, crops))
        assert transforms.normalize(spec, crops[:0]).shape == (0, 3, 8, 8)

    @given(data=st.data(), mean=_TRIPLES, std=_TRIPLES)
    @settings(deadline=None, derandomize=True)
    def test_a_devices_arithmetic(self, data: st.DataObject, mean: _Triple, std: _Triple) -> None:
        """What a device computes from bytes, tensor by tensor, has the bits of what NumPy computes."""
        spec = replace(make_spec(8, (8, 8)), mean=mean, std=std)
        crops = data.draw(arrays(np.uint8, (2, 8, 8, 3)))
        there = transforms._normalized(spec, torch.from_numpy(crops.transpose(0, 3, 1, 2)))
        assert there.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(there, transforms.normalize(spec, crops))

    def test_on_cuda(self, cuda: str) -> None:
        """Every byte value has the same bits there, and quarters nearly the same means."""
        crops = np.random.default_rng(0).permuted(np.arange(3 * 1024).astype(np.uint8)).reshape(1, 32, 32, 3)
        spec = make_spec(32, (32, 32))
        here, there = transforms.normalize(spec, crops), transforms.normalize(spec, crops, cuda)
        assert (there.device.type, torch.equal(here, there.cpu())) == (cuda, True)
        np.testing.assert_allclose(transforms.fingerprint(there), transforms.fingerprint(here), atol=1e-6)

    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
    def test_torchvisions_preset(self, interpolation: Interpolation) -> None:
        """The whole way equals what ``Weights.transforms()`` returns, for a batch of different images."""
        mode = tv_transforms.InterpolationMode(interpolation)
        preset = ImageClassification(crop_size=224, resize_size=232, interpolation=mode)
        images = [noise(500, 375), noise(100, 333), noise(224, 224)]
        spec = make_spec(232, (224, 224), "center", interpolation)
        crops = np.stack([transforms.crop(spec, image) for image in images])
        assert torch.equal(torch.stack([preset(image) for image in images]), transforms.normalize(spec, crops))

    @pytest.mark.parametrize("img_size", [(224, 224), (192, 256)])
    @pytest.mark.parametrize("crop_mode", CROP_MODES)
    def test_timms_factory(self, crop_mode: CropMode, img_size: tuple[int, int]) -> None:
        """The whole way equals timm's evaluation transform in each of its crop modes, square or not."""
        if crop_mode == "center" and img_size[0] != img_size[1] and TIMM < (1, 0, 31):
            pytest.skip("timm before 1.0.31 ignores the interpolation here")
        whole = transforms_imagenet_eval(img_size, 0.9, crop_mode, interpolation="bicubic", mean=MEAN, std=STD)
        height, width = (int(side / 0.9) for side in img_size)
        resize = height if crop_mode == "center" and height == width else (height, width)
        spec = make_spec(resize, img_size, crop_mode, "bicubic")
        image = noise(431, 287)
        assert torch.equal(whole(image)[None], transforms.normalize(spec, transforms.crop(spec, image)[None]))


def test_the_fingerprint_is_twelve_means() -> None:
    """Each channel of each image is averaged over its quarters: upper left, upper right, lower left, lower right."""
    batch = torch.zeros(2, 3, 4, 6)
    batch[1, 2, :2, 3:] = 5.0
    assert transforms.fingerprint(batch).tolist() == [[0.0] * 12, [0.0] * 9 + [5.0, 0.0, 0.0]]


@pytest.mark.parametrize("size", [(4, 6), (7, 5), (1, 1)])
def test_a_devices_fingerprint(size: tuple[int, int]) -> None:
    """torch's means are NumPy's but for rounding, of odd sides too."""
    batch = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = transforms.fingerprint(batch)
    np.testing.assert_allclose(transforms.quarter_means(batch).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("crops", [np.zeros((2, 8, 8, 3), np.uint8), [np.zeros((8, 8, 3), np.uint8)] * 2])
def test_a_gpu_is_sent_bytes(crops: Any) -> None:
    """It normalises them itself, into channels last, and takes the means there; nothing of the host is mixed in."""
    with fake_cuda(), mock.patch.object(transforms, "sent", wraps=transforms.sent) as sent:
        batch = transforms.normalize(make_spec(8, (8, 8)), crops, "cuda")
        means = transforms.quarter_means(batch)
    [[planes, _]] = [call.args for call in sent.call_args_list]
    assert [(plane.dtype, plane.shape) for plane in planes] == [(np.uint8, (3, 8, 8))] * 2
    assert (batch.device.type, batch.dtype, batch.shape) == ("cuda", torch.float32, (2, 3, 8, 8))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert (means.device.type, means.shape) == ("cuda", (2, 12))


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize(("device", "pins_memory"), [("cuda:1", True), ("mps", False)])
def test_what_is_sent_is_copied_once_and_by_one_thread(kind: Any, device: str, pins_memory: bool) -> None:
    """By NumPy: torch starts threads for its own copy, as many for each thread that calls. CUDA's memory is pinned."""
    images = np.arange(2 * 8 * 9 * 3).astype(kind).reshape(2, 8, 9, 3)
    host = torch.zeros(2, 3, 8, 9, dtype=getattr(torch, np.dtype(kind).name))
    torchs_own = mock.patch.multiple(torch.Tensor, pin_memory=mock.DEFAULT, copy_=mock.DEFAULT)
    with (
        mock.patch.object(torch, "empty", return_value=host) as empty,
        mock.patch.object(torch.Tensor, "to") as to,
        torchs_own as own,
    ):
        transforms.sent([image.transpose(2, 0, 1) for image in images], device)
    empty.assert_called_once_with((2, 3, 8, 9), dtype=host.dtype, device="cpu", pin_memory=pins_memory)
    to.assert_called_once_with(device, non_blocking=pins_memory)
    assert not any(copy.called for copy in own.values())
    assert np.array_equal(host, images.transpose(0, 3, 1, 2))


def test_a_white_image_on_cuda(cuda: str) -> None:
    """Of the many equal values of a quarter none is lost."""
    spec, white = make_spec(480, (480, 480)), np.full((1, 480, 480, 3), 255, np.uint8)
    means = transforms.fingerprint(transforms.normalize(spec, white, cuda))
    np.testing.assert_allclose(means, transforms.fingerprint(transforms.normalize(spec, white)), atol=1e-5)


@pytest.mark.shared
@pytest.mark.slow
def test_all_photographs(shared_data: Path) -> None:
    """From their files on, all 1000 photographs become the tensors of torchvision's own transform, bit for bit."""
    modes = {name: tv_transforms.InterpolationMode(name) for name in INTERPOLATIONS}
    presets = {name: ImageClassification(crop_size=224, interpolation=mode) for name, mode in modes.items()}
    files, different = sorted((shared_data / "photos").glob("*/*")), dict[tuple[str, str], int]()
    for file in files:
        data = file.read_bytes()
        opened, decoded = Image.open(io.BytesIO(data)).convert("RGB"), decoding.decode(data)
        for interpolation, preset in presets.items():
            spec, expected = make_spec(256, (224, 224), "center", interpolation), preset(opened)
            [actual] = transforms.normalize(spec, transforms.crop(spec, decoded)[None])
            if not torch.equal(expected, actual):
                different[interpolation, file.name] = int((expected != actual).any(dim=0).sum())
    assert (len(files), different) == (1000, {})
