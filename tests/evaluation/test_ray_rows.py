"""imgcls.evaluation.ray_rows: what travels comes out as it went in, for every place and every outcome of an image."""

import os
from pathlib import Path

import pytest

from imgcls.errors import ConfigError, ImgclsError, MachineError, ModelError, OutOfMemory
from imgcls.evaluation import ray_rows
from imgcls.evaluation.inputs import Rejected
from imgcls.evaluation.pipeline import BatchResult
from imgcls.models.weights.lock import NotListed
from imgcls.records.data import ImageRef, Member, Place
from imgcls.records.evaluation import Output

PLACES: list[Place] = [
    Path("/photos/a.jpg"),
    Path("relative") / "b.jpg",
    Path(os.fsdecode(b"/photos/\xff.jpg")),
    Member("tar", "s3://bucket/1.tar", "c.jpg", (512, 7)),
]

OUTPUT = Output(((2, 1.5), (0, -0.25)), 2.0, (0.5, 0.25, 1.0))


def _images() -> list[ImageRef]:
    return [ImageRef(f"{n}.jpg", place, f"{n:064x}", None) for n, place in enumerate(PLACES)]


def test_references_are_the_same_for_every_kind_of_place() -> None:
    """Also a name that is not Unicode."""
    assert ray_rows.unpack_part(ray_rows.pack_part(_images(), ("a", "b"))) == (_images(), ("a", "b"))


def test_what_actors_do_not_need_stays_with_the_driver() -> None:
    """Labels, columns and groups."""
    image = ImageRef("0.jpg", PLACES[0], "ab" * 32, "cat", {"camera": "x"}, "patient 7")
    [arrived], _ = ray_rows.unpack_part(ray_rows.pack_part([image], ("a",)))
    assert arrived == ImageRef("0.jpg", PLACES[0], "ab" * 32, None)


def test_a_result_is_the_same() -> None:
    """Outputs, rejections, remarks, seconds and notes, of the images that the driver has."""
    images = _images()
    result = BatchResult(4, 0.5, seconds={"a": 0.25}, notes={"a": "its batches were halved"})
    result.rejected["rule"].append(Rejected(images[1], "truncated", "after 7 bytes", permanent=True))
    result.remarks["rule"][images[2].sha256] = ("CMYK", "16 bits")
    result.outputs = {"a": [(images[0], OUTPUT), (images[2], OUTPUT)]}
    assert ray_rows.unpack_result(ray_rows.pack_result(result), images) == result


def test_an_error_of_another_module_becomes_its_parents_with_its_exit_code() -> None:
    """A driver need not have imported that module."""
    result = BatchResult(1, failures={"net": NotListed("imgcls.lock does not list a.safetensors")})
    arrived = ray_rows.unpack_result(ray_rows.pack_result(result), []).failures["net"]
    assert (type(arrived), str(arrived)) == (ConfigError, "imgcls.lock does not list a.safetensors")


@pytest.mark.parametrize("error", [ModelError("a"), MachineError("b"), OutOfMemory("c"), ImgclsError("d", "e")])
def test_an_error_keeps_its_class_and_its_lines(error: ImgclsError) -> None:
    """So that the exit code is the same as without Ray."""
    result = BatchResult(1, failures={"net": error})
    arrived = ray_rows.unpack_result(ray_rows.pack_result(result), []).failures["net"]
    assert (type(arrived), arrived.args, arrived.exit_code) == (type(error), error.args, error.exit_code)
