"""Folders as people have them: every path is scored, rejected with a reason, or ignored and counted by its suffix."""

import io
import json
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conftest import COLOURS, Project
from image_files import SMAX_SAMPLE_VALUE, SMIN_SAMPLE_VALUE, png_of_16_bits, tiff
from imgcls.preprocessing import formats

Command = Callable[..., pytest.RunResult]

SAVED_AS = {"DIB": "dib", "EPS": "eps", "HEIF": "heic", "JPEG2000": "jp2", "PPM": "ppm", "TIFF": "tif"}
"""The suffix of a format, where its name is not the usual one."""

REJECTED = {"EPS", "PALM", "SPIDER"}
"""Formats that Pillow writes and that have no pixels to score: vectors, what it does not read, what has no white."""

IGNORED = {"PDF"}

WITHOUT_WRITER = {"BUFR", "GRIB", "HDF5", "WMF"}
"""Formats for which Pillow has a place to put a writer, and no writer."""

SIXTEEN_BITS = "16 bits per channel, of which the upper 8 were taken"


def _saved(image: Image.Image, name: str) -> bytes:
    """In the first mode that the format takes."""
    for mode in ("RGB", "P", "1"):
        buffer = io.BytesIO()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of formats that Pillow 15 will not have
                image.convert(mode).save(buffer, name)
        except (OSError, ValueError):
            continue
        return buffer.getvalue()
    raise AssertionError(name)


def _plain(colour: str, number: int = 0) -> Image.Image:
    """One colour, except for a corner, so that no bytes repeat."""
    image = Image.new("RGB", (32, 32), COLOURS[colour])
    image.putpixel((0, 0), (number, number, number))
    return image


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _scored(imgcls: Command, *arguments: str) -> tuple[pytest.RunResult, Any]:
    result = imgcls("score", "--store", "off", "--json", "r.json", *arguments)
    return result, json.loads(Path("r.json").read_text())


def _lines(result: pytest.RunResult) -> str:
    """What was printed, without its line breaks."""
    return " ".join(result.stdout.str().split())


def _paths(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {row["path"] for row in rows}


def test_every_format_that_pillow_writes_is_accounted_for(project: Project, imgcls: Command) -> None:
    """Every path of the folder is scored, rejected or ignored, and the terminal says so at 80 columns."""
    formats.names()
    written = sorted(set(Image.SAVE) - WITHOUT_WRITER)
    assert {"AVIF", "BLP", "ICNS", "JPEG2000", "MPO", "QOI", "XBM"} <= set(written)
    paths = {name: f"red/a.{SAVED_AS.get(name, name.lower())}" for name in written}
    shutil.rmtree(project.folder / "colours")
    _put(project.folder / "colours", {paths[name]: _saved(_plain("red"), name) for name in written})
    others = {"Thumbs.db": b"thumbs", "red/.DS_Store": b"store", "red/notes.txt": b"red", "green/LICENSE": b"free"}
    of_16_bits = png_of_16_bits(np.full((32, 32, 1), 65535, np.uint16))
    _put(project.folder / "colours", {**others, "green/deep.png": of_16_bits, "red/photo.nef": b"II*\0 raw"})
    (project.folder / "colours" / "blue").mkdir()

    result, document = _scored(imgcls)

    rejected = {paths[name] for name in REJECTED} | {"red/photo.nef"}
    scored = {path for name, path in paths.items() if name not in REJECTED | IGNORED} | {"green/deep.png"}
    [row] = document["results"]
    assert result.ret == 1  # rejected images fail a gate that does not allow for them
    assert _paths(document["predictions"]) == scored
    assert _paths(document["rejections"]) == rejected
    assert {rejection["reason"] for rejection in document["rejections"]} == {"unsupported"}
    assert (row["scored"], row["rejected"], row["ignored"], row["unscored"]) == (len(scored), len(rejected), 5, 0)
    assert row["listed"] == sum(file.is_file() for file in (project.folder / "colours").rglob("*"))
    [files] = document["datasets"]
    assert files["ignored_suffixes"] == {"": 1, ".db": 1, ".pdf": 1, ".txt": 1, "hidden": 1}
    assert files["empty_classes"] == ["blue"]
    assert files["remarks"] == {SIXTEEN_BITS: 1}
    [line] = [line for line in result.outlines if re.match(r" *colours(?: +\d+){5}$", line)]
    assert len(line) <= 80
    assert line.split(maxsplit=5)[1:5] == [str(row[key]) for key in ("listed", "scored", "rejected", "unscored")]
    assert "colours: 5 files ignored: 1 without suffix, 1 .db, 1 .pdf, 1 .txt, 1 hidden" in result.outlines
    assert f"colours: 1 image: {SIXTEEN_BITS}" in _lines(result)


PHONE = {"cat/1.heic": "HEIF", "cat/2.HEIC": "HEIF", "cat/3.avif": "AVIF", "dog/1.jp2": "JPEG2000", "dog/2.jpg": "JPEG"}


@pytest.fixture
def phone(project: Project) -> Project:
    """Photographs in the formats of telephones, in two classes."""
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    formats.names()
    shutil.rmtree(project.folder / "colours")
    for number, (path, name) in enumerate(PHONE.items()):
        colour = "red" if path.startswith("cat") else "green"
        renamed = path.replace("cat", "red").replace("dog", "green")
        _put(project.folder / "colours", {renamed: _saved(_plain(colour, number), name)})
    project.configure((project.folder / "imgcls.toml").read_text().replace("min_images = 12", "min_images = 1"))
    return project


@pytest.mark.usefixtures("phone")
def test_photographs_of_a_telephone_are_scored(imgcls: Command) -> None:
    """HEIC, AVIF and JPEG 2000 as well as JPEG, all of them right."""
    result, document = _scored(imgcls)
    [row] = document["results"]
    assert result.ret == 0
    assert (row["listed"], row["scored"], row["top1_count"]) == (5, 5, 5)


@pytest.mark.usefixtures("phone")
def test_without_pillow_heif_they_fail_the_gate(imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each HEIC is a rejection that names what to install, whatever it is called; no class vanishes in silence."""
    without = tuple(name for name in formats.names() if name != "HEIF")
    monkeypatch.setattr(formats, "names", lambda: without)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Path("colours/red/3.avif").unlink()
    Path("colours/red/1.heic").rename("colours/red/1.jpg")
    result, document = _scored(imgcls)
    assert result.ret == 1
    assert {(rejection["path"], rejection["reason"]) for rejection in document["rejections"]} == {
        ("red/1.jpg", "unsupported"),
        ("red/2.HEIC", "unsupported"),
    }
    assert "pip install 'imgcls[heif]'" in _lines(result)
    assert "no image was scored of the class folder red" in _lines(result)


@pytest.mark.parametrize("suffix", ["ppm", "pgm", "tga", "qoi"])
def test_a_set_in_an_old_format_is_scored(project: Project, imgcls: Command, suffix: str) -> None:
    """As benchmarks of traffic signs come, in one format that is not JPEG."""
    for image in list((project.folder / "colours").rglob("*.png")):
        with Image.open(image) as opened:
            opened.save(image.with_suffix(f".{suffix}"), "PPM" if suffix == "pgm" else None)
        image.unlink()
    result, document = _scored(imgcls)
    assert result.ret == 0
    assert (document["results"][0]["scored"], document["results"][0]["top1_count"]) == (12, 12)


def test_a_prediction_says_what_was_left_out(project: Project, imgcls: Command) -> None:
    """Images given one by one as well as folders."""
    _put(project.folder / "given", {"a.heic": b"\xff\x0a jpeg xl", "b.nef": b"II*\0", "notes.txt": b"text"})
    result = imgcls("predict", "given", "--models", "colour")
    assert "given/b.nef: unsupported: it is a raw file of a camera" in result.stderr.str() + result.stdout.str()
    (project.folder / "text").mkdir()
    _put(project.folder / "text", {"notes.txt": b"text", "Thumbs.db": b"thumbs"})
    nothing = imgcls("predict", "text", "--models", "colour")
    assert nothing.ret == 2
    nothing.stderr.fnmatch_lines(
        ["imgcls: there is no image in what was given, only files that are not images: 1 .db, 1 .txt"]
    )


def test_a_limit_in_the_message_is_the_limit_to_write(project: Project, imgcls: Command) -> None:
    """An image over the limit of its dataset is rejected with the key, and with that number it is scored."""
    text = (project.folder / "imgcls.toml").read_text()
    Image.new("RGB", (1500, 1000), (255, 0, 0)).save(project.folder / "colours" / "red" / "large.png")
    project.configure(text.replace('path = "colours"', 'path = "colours"\nmax_megapixels = 1'))
    result, document = _scored(imgcls)
    assert result.ret == 1
    [rejection] = document["rejections"]
    assert rejection["reason"] == "too_large"
    written = re.search(r"write (max_megapixels = \d+) into the table of its dataset", rejection["detail"])
    assert written
    project.configure(text.replace('path = "colours"', f'path = "colours"\n{written[1]}'))
    result, document = _scored(imgcls)
    assert (result.ret, document["results"][0]["scored"]) == (0, 13)


def _grey(file: Path) -> npt.NDArray[np.uint8]:
    """A photograph in shades of grey, (256, 256, 1)."""
    with Image.open(file) as image:
        return np.asarray(image.convert("L").resize((256, 256)))[..., None]


def _eight(grey: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey[..., 0]).save(buffer, "PNG")
    return buffer.getvalue()


DEPTHS: Mapping[str, Callable[[npt.NDArray[np.uint8]], bytes]] = {
    "eight": _eight,
    "grey16": lambda grey: png_of_16_bits(grey.astype(np.uint16) * 257),
    "rgb16": lambda grey: png_of_16_bits(np.repeat(grey.astype(np.uint16) * 257, 3, axis=2)),
    "tiff16": lambda grey: tiff(grey.astype(np.uint16) * 257),
    "float": lambda grey: tiff(grey.astype(np.float32), doubles={SMIN_SAMPLE_VALUE: 0.0, SMAX_SAMPLE_VALUE: 255.0}),
}


@pytest.mark.shared
@pytest.mark.slow
def test_photographs_score_alike_in_every_depth(project: Project, imgcls: Command, shared_data: Path) -> None:
    """Fifty photographs as grey of 8 and 16 bits, as colours of 16 bits, and as numbers with a stated range."""
    photographs = sorted((shared_data / "photos10").rglob("*.JPEG"))
    greys = {f"{file.parent.name}/{file.stem}": _grey(file) for file in photographs}
    weights = shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors"
    tables = [f'[models.squeezenet]\narch = "torchvision:squeezenet1_0"\nlabels = "imagenet-1k"\nweights = "{weights}"']
    for depth, write in DEPTHS.items():
        tables.append(
            f'[datasets.{depth}]\npath = "{depth}"\nlabels = {{ file = "{shared_data}/photos10-classes.csv" }}'
        )
        _put(project.folder / depth, {f"{path}.png": write(grey) for path, grey in greys.items()})
    project.configure("\n".join(tables))
    _, document = _scored(imgcls)
    counts = {row["dataset"]: (row["scored"], row["top1_count"], row["top5_count"]) for row in document["results"]}
    assert counts.keys() == DEPTHS.keys()
    assert counts["eight"][0] == 50
    assert counts["eight"][1] > 20
    assert set(counts.values()) == {counts["eight"]}
    remarks = {files["dataset"]: files["remarks"] for files in document["datasets"]}
    assert remarks["eight"] == {}
    assert remarks["grey16"] == remarks["rgb16"] == remarks["tiff16"] == {SIXTEEN_BITS: 50}
