"""A trained network is exported as a configuration of this package, whatever names there are."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from imgcls.config import loader as configuration
from imgcls.data import manifest
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef
from imgcls.records.thresholds import Gate
from imgcls.training import export
from imgcls.training.split import Split

SPEC = InputSpec((20, 30), (16, 24), "squash", "bicubic", (0.5, 0.25, 0.1), (1e-05, 0.5, 1.0))


def _ref(path: Path, label: str, sha256: str) -> ImageRef:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sha256.encode())
    return ImageRef(path.name, path, sha256, label)


def _export(out: Path, split: Split, options: dict[str, object], top1: float) -> None:
    out.mkdir(parents=True)
    for name, text in export.files(out, split, "timm:test_vit", options, SPEC, top1).items():
        (out / name).write_text(text, encoding="utf-8")


def test_the_configuration_is_what_was_trained(tmp_path: Path) -> None:
    """Network, options, weights, input, classes and images come back as they were; the gate is one image lower."""
    refs = tuple(
        _ref(tmp_path / "data" / label / name, label, f"{label}{name}")
        for label in ('a "quoted" class', "ß, comma")
        for name in ("1, first.png", "two.png")
    )
    options = {"img_size": 32, "drop_rate": 0.5, "global_pool": "avg", "dynamic_img_size": True, "a": [1, 2]}
    refs += (_ref(tmp_path / "data" / "ß, comma" / "a copy.png", "ß, comma", refs[-1].sha256),)
    split = Split(('a "quoted" class', "ß, comma"), (), refs)
    _export(tmp_path / "runs" / "first", split, options, 0.8)
    settings = configuration.load([tmp_path / "runs" / "first" / "imgcls.toml"])
    [model], [data] = settings.models.values(), settings.datasets.values()
    assert (model.arch, dict(model.options)) == ("timm:test_vit", {**options, "a": pytest.approx((1, 2))})
    assert model.weights == tmp_path / "runs" / "first" / "best.safetensors"
    assert InputSpec(**model.input) == SPEC
    assert Path(str(model.labels)).read_text().splitlines() == list(split.classes)
    assert settings.gates == {("trained", "validation"): Gate(top1=0.6, min_images=4)}
    assert data.labels == "name"
    listed = manifest.find("x", Path(str(data.path)))
    assert {(ref.file.resolve(), ref.label) for ref in listed.images} == {(ref.file, ref.label) for ref in refs}


def test_a_whole_folder_is_named_as_one(tmp_path: Path) -> None:
    """A validation split with its own folder needs no list; the path is relative, so both may move together."""
    ref = _ref(tmp_path / "data" / "val" / "a" / "1.png", "a", "1")
    _export(tmp_path / "out", Split(("a", "b"), (), (ref,), str(tmp_path / "data" / "val")), {}, 1.0)
    written = tomllib.loads((tmp_path / "out" / "imgcls.toml").read_text())
    assert written["datasets"]["validation"] == {"path": "../data/val", "labels": "name"}
    assert written["gates"]["trained"]["validation"] == {"top1": 0.0, "min_images": 1}
    assert not (tmp_path / "out" / "validation.csv").exists()


def test_the_builtin_dataset_has_no_path(tmp_path: Path) -> None:
    """``builtin:digits`` is written as it is, because it is on every machine."""
    ref = _ref(tmp_path / "cache" / "zero" / "1.png", "zero", "1")
    _export(tmp_path / "out", Split(("zero",), (), (ref,), "builtin:digits"), {}, 0.0)
    written = tomllib.loads((tmp_path / "out" / "imgcls.toml").read_text())
    assert written["datasets"]["validation"]["path"] == "builtin:digits"


def test_links_are_followed_before_paths_lead_back(tmp_path: Path) -> None:
    """From a folder that is a link, ``..`` leads to where the linked folder lies."""
    ref = _ref(tmp_path / "data" / "a" / "1.png", "a", "1")
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "far" / "away")
    texts = export.files(tmp_path / "out", Split(("a",), (), (ref,)), "timm:test_vit", {}, SPEC, 1.0)
    assert texts["validation.csv"].splitlines()[1] == "../../data/a/1.png,a"
