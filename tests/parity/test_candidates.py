"""imgcls.parity.candidates: an export as a spec that loads, or the reason why it does not."""

from pathlib import Path

import pytest

from conftest import Project
from imgcls.errors import StoreError
from imgcls.models.exports import make
from imgcls.parity import candidates
from imgcls.parity.candidates import Candidate, Unavailable
from imgcls.records.config import ExportSpec, ServingSpec
from shipped import colour_spec, record_calibration, write_onnx


def test_the_reference_is_what_was_tested() -> None:
    """Eager, in float32 and from exact pixels; what ships of it is no part of it."""
    exports = {"onnx": ExportSpec("onnx", "onnx", Path("a.onnx"))}
    configured = colour_spec(
        runtime="openvino", precision="float16", decode="fast", exports=exports, serving=ServingSpec(url="http://x")
    )
    assert candidates.reference_of(configured) == colour_spec(runtime="eager")


def test_a_file_is_a_model_of_its_own(importable: Project) -> None:
    """Its name is the key of the configuration, and it was calibrated with what its record names."""
    file = write_onnx(importable.folder / "ship.onnx")
    record_calibration(file, ["cd" * 32])
    candidate = candidates.of(ExportSpec("ship", "onnx", file), colour_spec(runtime="eager"), None)
    assert isinstance(candidate, Candidate)
    assert candidate.spec.name == "colour.exports.ship"
    assert candidate.spec.arch == f"onnx:{file}"
    assert candidate.path == file
    assert candidate.calibration == {"cd" * 32}


def test_what_was_not_calibrated_has_no_such_images(importable: Project) -> None:
    """Without a record, no image is left out."""
    export = ExportSpec("ship", "onnx", write_onnx(importable.folder / "ship.onnx"))
    candidate = candidates.of(export, colour_spec(), None)
    assert isinstance(candidate, Candidate)
    assert candidate.calibration == frozenset()


def test_a_missing_file_is_the_exports_own_failure(importable: Project) -> None:
    """The message names where it should be; a store that cannot be read concerns everything."""
    export = ExportSpec("ship", "onnx", importable.folder / "gone.onnx")
    unavailable = candidates.of(export, colour_spec(), None)
    assert isinstance(unavailable, Unavailable)
    assert unavailable.failure.exit_code == 3
    assert unavailable.failure.message.startswith(f"no file at {importable.folder / 'gone.onnx'}")


def test_a_broken_store_is_no_failure_of_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the whole comparison."""

    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(make, "file_of", broken)
    with pytest.raises(StoreError, match="the disk is full"):
        candidates.of(ExportSpec("ship", "onnx"), colour_spec(), None)
