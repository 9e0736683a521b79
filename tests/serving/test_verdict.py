"""The sentences of a verdict."""

from imgcls.records.parity import Fault, ServingImage
from imgcls.serving import verdict
from imgcls.serving.faults import Diagnosis

SAME = ServingImage("wide.jpg", "wide", 0.0, same_top1=True)
NEAR = ServingImage("tall.jpg", "tall", 0.001, same_top1=True)
OTHER = ServingImage("exif.jpg", "Exif orientation 6", 1.2, same_top1=False)
FAILED = ServingImage("cmyk.jpg", "CMYK JPEG", None, None, "ValueError: mode")
NOTHING = Diagnosis((), ())
FAULT = Fault("decoding", "Exif orientation applied", "", 0.98, 2)


def _message(*rows: ServingImage, same: frozenset[int], diagnosis: Diagnosis = NOTHING) -> tuple[str, str]:
    result = verdict.of("net", "python:app:prepare", dict(enumerate(rows)), diagnosis, same=same)
    return result.status, result.message.removeprefix("python:app:prepare: ")


def test_equal_images_are_equal_to_the_bit_or_up_to_rounding() -> None:
    """And it says which."""
    assert _message(SAME, same=frozenset({0})) == ("pass", "the same on the one image that was compared, to the bit")
    near = _message(SAME, NEAR, same=frozenset({0, 1}))
    assert near == ("pass", "the same on all 2 images that were compared, up to rounding")


def test_a_difference_names_the_kinds_and_the_culprit() -> None:
    """With what it explains and what it costs."""
    status, message = _message(SAME, OTHER, same=frozenset({0}), diagnosis=Diagnosis((FAULT,), ()))
    assert status == "fail"
    assert message == (
        "1 of 2 images differs from the reference, 1 with another best class: Exif orientation 6; the other 1 are the "
        "same; because of Exif orientation applied (98% of the difference, 2 more wrong in top-1)"
    )


def test_a_poor_explanation_is_called_the_nearest() -> None:
    """Not the reason."""
    _, message = _message(OTHER, same=frozenset(), diagnosis=Diagnosis((FAULT,), (), explained=0.3))
    assert "no known fault explains it; nearest: Exif orientation applied" in message


def test_failures_are_named_by_kind() -> None:
    """With the reason."""
    status, message = _message(SAME, FAILED, same=frozenset({0}))
    assert (status, message.endswith("it failed on 1 image: CMYK JPEG (ValueError: mode)")) == ("fail", True)


def test_what_is_within_rounding_is_a_note_and_no_fault() -> None:
    """The nearest is named all the same."""
    fault = Fault("preprocessing", "unrounded resize", "", 1.0)
    result = verdict.of("net", "x", {0: NEAR}, Diagnosis((fault,), (), 1.0), same=frozenset({0}))
    assert (result.status, result.faults) == ("pass", ())
    assert result.notes == ("up to a level of 8 bits values differ, nearest to: unrounded resize",)
