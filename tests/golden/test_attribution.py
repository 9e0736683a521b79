"""imgcls.golden.attribution: at which stage something moved, on golden records that are made up."""

import math
from dataclasses import replace

import pytest

from builders import GOLDEN, NAMES, PIXELS, SOUND, SPEC, make_current, make_output
from imgcls.golden import attribution, diff
from imgcls.golden.records import (
    CurrentImage,
    CurrentResults,
    Golden,
    ImageChange,
    Pixels,
    StageChange,
    Tolerance,
    Trace,
)

ALLOWED = Tolerance(0.1, 1e-4, "the same")


def _stages(
    current: CurrentResults, trace: Trace | None = None, golden: Golden = GOLDEN, allowed: Tolerance = ALLOWED
) -> list[str]:
    beyond = diff.beyond(diff.image_changes(golden, current, allowed), allowed)
    traced = trace or Trace({image.path: PIXELS for image in golden.images}, {}, {})
    return [
        f"{change.stage}: {change.what}"
        for change in attribution.stage_changes(golden, current, beyond, traced, allowed)
    ]


def test_results_as_recorded_have_no_change() -> None:
    """Equal predictions in an equal context are as recorded."""
    assert _stages(make_current(make_output(SOUND))) == []


def test_a_probability_that_no_logit_explains_moved() -> None:
    """The logits that are not among the ten best are in it."""
    heavy = replace(make_output(SOUND), logsumexp=make_output(SOUND).logsumexp + 0.3)
    [change] = _stages(make_current(heavy), Trace({}, {}, {image.path: SOUND for image in GOLDEN.images}))
    assert change.startswith("scoring: ")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"state_sha256": "b" * 64, "weights_file_sha256": "e" * 64}, "model: the weights differ: file ffff"),
        ({"state_sha256": "b" * 64}, "model: the weights differ: state aaaaaaaaaaaa -> bbbbbbbbbbbb; no prediction"),
        ({"options": {"a": 1}}, "model: timm:net {} -> timm:net {'a': 1}"),
        ({"precision": "float16"}, "model: precision float32 -> float16"),
        ({"exif": "apply"}, "decoding: exif ignore -> apply gives 0 of 2"),
        ({"input": replace(SPEC, resize=232)}, "preprocessing: the input spec differs: resize 256 -> 232"),
        ({"folders": {"cat": (1,)}}, "labels: other classes are right for 1 folder: 'cat' [0] -> [1]"),
    ],
)
def test_another_context_is_a_change_of_its_stage(other: dict[str, object], expected: str) -> None:
    """Also where no prediction moved."""
    [change] = _stages(make_current(make_output(SOUND), **other))
    assert change.startswith(expected)


def test_other_versions_are_not_a_change_by_themselves() -> None:
    """Versions are what one tests: only what they move counts."""
    newer = make_current(make_output(SOUND), versions={"torch": "2.15.0", "timm": "1.0.31"}, device="cuda")
    assert _stages(newer) == []


def test_a_runtime_that_moves_logits_is_named_with_how_far() -> None:
    """Same weights, same tensors, another torch."""
    newer = make_current(make_output({**SOUND, 0: 9.5}), versions={"torch": "2.15.0", "timm": "1.0.31"})
    [change] = _stages(newer)
    assert change.startswith(
        "model: the runtime: torch 2.14.1 -> 2.15.0; logits moved by at least 0.5 of their standard"
    )


def test_training_mode_is_named() -> None:
    """It explains a change that nothing else does."""
    trace = Trace({}, {}, {}, training=("layer1.bn", "layer2.bn"))
    [change] = _stages(make_current(make_output({**SOUND, 0: 9.5})), trace)
    assert change.startswith("model: 2 of its modules are in training mode, as layer1.bn; logits moved")


def test_the_stages_of_an_image_are_distinguished() -> None:
    """Other pixels; the same and other tensors; the same and other logits; the same and other predictions."""
    other = make_current(make_output({**SOUND, 0: 9.5}, tensor=(0.2,) * 12))
    paths = [image.path for image in GOLDEN.images]
    turned: Pixels = (200, 300, (10.0, 20.0, 30.0), "def")
    assert [s.partition(":")[0] for s in _stages(other, Trace(dict.fromkeys(paths, turned), {}, {}))] == ["decoding"]
    assert [s.partition(":")[0] for s in _stages(other)] == ["preprocessing"]
    same = make_current(make_output({**SOUND, 0: 9.5}))
    sharper = Trace(dict.fromkeys(paths, PIXELS), dict.fromkeys(paths, "another tensor of the same means"), {})
    assert [s.partition(":")[0] for s in _stages(same, sharper)] == ["preprocessing"]
    assert [s.partition(":")[0] for s in _stages(same)] == ["model"]
    bare = Trace(dict.fromkeys(paths, PIXELS), {}, dict.fromkeys(paths, SOUND))
    assert [s.partition(":")[0] for s in _stages(same, bare)] == ["scoring"]


def test_another_decoder_is_not_the_cause_of_quite_other_tensors() -> None:
    """Slightly other pixels of another Pillow do not explain tensors that are quite other."""
    current = make_current(
        make_output(SOUND, tensor=(0.5,) * 12), decoder="pillow 12.0.0 (libjpeg_turbo 3.1.0, webp 1.6.0)"
    )
    allowed = diff.tolerance(GOLDEN, current.context)
    near: Pixels = (300, 200, (10.0, 20.4, 30.0), "def")
    changes = _stages(current, Trace({image.path: near for image in GOLDEN.images}, {}, {}), allowed=allowed)
    assert [line.partition(":")[0] for line in changes] == ["preprocessing"]
    swapped: Pixels = (300, 200, (30.0, 20.0, 10.0), "def")
    [swap] = _stages(current, Trace({image.path: swapped for image in GOLDEN.images}, {}, {}), allowed=allowed)
    assert swap.endswith("(red and blue are exchanged)")
    turned: Pixels = (200, 300, (10.0, 20.0, 30.0), "def")
    for far in (swapped, turned):
        [change] = _stages(current, Trace({image.path: far for image in GOLDEN.images}, {}, {}), allowed=allowed)
        assert "decoding: pillow 13.0.0 -> 12.0.0, libjpeg_turbo 3.2.0 -> 3.1.0 changed the pixels of 2 of 2" in change


def test_files_that_are_gone_new_or_other_are_reported() -> None:
    """Each path of either side is accounted for; an image with other bytes is not compared."""
    output = make_output(SOUND)
    images = {
        "cat/2.jpg": CurrentImage("other", "cat", make_output({1: 1.0})),
        "cat/3.jpg": CurrentImage("cat/3.jpg", "cat", output),
    }
    current = replace(make_current(output), images=images)
    assert _stages(current) == [
        "files: 1 of 2 images gone",
        "files: 1 of 2 images with other bytes",
        "files: 1 of 2 images new, and not in the golden record",
    ]


@pytest.mark.parametrize(("reason", "stage"), [("truncated", "decoding"), ("permission", "files")])
def test_recorded_images_that_are_rejected_are_reported(reason: str, stage: str) -> None:
    """Each rejection has its stage and its reason."""
    whole = make_current(make_output(SOUND))
    current = replace(
        whole, images={"cat/1.jpg": whole.images["cat/1.jpg"]}, rejected={"cat/2.jpg": (reason, "so it is")}
    )
    [change] = _stages(current)
    assert change.startswith(f"{stage}: 1 of 2 images")
    assert f"({reason}: so it is)" in change


def test_images_under_another_label_are_reported_with_the_labels() -> None:
    """Whether in a manifest, or because two class folders took each other's names; the files are as they were."""
    output, paths = make_output(SOUND), [image.path for image in GOLDEN.images]
    relabelled = {paths[0]: CurrentImage(paths[0], "dog", output), paths[1]: CurrentImage(paths[1], "cat", output)}
    renamed = {paths[0]: CurrentImage(paths[1], "dog", output), "dog/1.jpg": CurrentImage(paths[0], "dog", output)}
    for images, first, count in ((relabelled, "cat/1.jpg", 1), (renamed, "dog/1.jpg", 2)):
        changes = _stages(replace(make_current(output), images=images))
        assert changes == [f"labels: {count} of 2 images under another label, as cat/1.jpg -> {first}"]


def test_a_label_list_that_differs_elsewhere_is_reported() -> None:
    """Classes that are among no image's five best have names as well."""
    assert _stages(make_current(make_output(SOUND), labels_sha256="m" * 64)) == [
        "labels: the label list differs, in classes that are in no recorded five"
    ]


def test_a_second_softmax_is_a_change_of_scoring() -> None:
    """Wherever it is computed: the logits are the recorded probabilities."""
    probabilities = {index: math.exp(logit - make_output(SOUND).logsumexp) for index, logit in SOUND.items()}
    paths = [image.path for image in GOLDEN.images]
    trace = Trace(dict.fromkeys(paths, PIXELS), {}, dict.fromkeys(paths, probabilities))
    [change] = _stages(make_current(make_output(probabilities)), trace)
    assert change.startswith("scoring: ")


def test_one_stage_is_named_for_all_images_where_few_were_traced() -> None:
    """The logits of one traced image decide for the others."""
    current = make_current(make_output({**SOUND, 0: 9.5}))
    assert [s.partition(":")[0] for s in _stages(current, Trace({}, {}, {"cat/1.jpg": SOUND}))] == ["scoring"]
    assert [s.partition(":")[0] for s in _stages(current, Trace({}, {}, {"cat/1.jpg": {**SOUND, 0: 9.5}}))] == ["model"]


def test_names_that_moved_are_reported() -> None:
    """By class number, as they were and as they are."""
    swapped = replace(make_current(make_output(SOUND)), names=("class 1", "class 0", *NAMES[2:4]))
    [change] = _stages(swapped)
    assert change.startswith(
        "labels: 3 of 5 classes have another name: 0 'class 0' -> 'class 1', 1 'class 1' -> 'class 0'"
    )
    assert change.endswith("4 'class 4' -> no class")


def test_a_shifted_head_is_recognised() -> None:
    """Most first classes are the recorded ones plus a constant."""
    [change] = _stages(make_current(make_output({index + 1: logit for index, logit in SOUND.items()})))
    assert "its class numbers are the recorded ones +1" in change


def test_the_message_names_stages_images_and_ranks() -> None:
    """The first line names the stages; the others name images, and by how much they moved."""
    beyond = diff.beyond(diff.image_changes(GOLDEN, make_current(make_output({**SOUND, 0: 7.5})), ALLOWED), ALLOWED)
    changes = attribution.stage_changes(
        GOLDEN, make_current(make_output({**SOUND, 0: 7.5})), beyond, Trace({}, {}, {}), ALLOWED
    )
    text = attribution.message("golden/photos/net.json", changes, beyond)
    first, *rest = text.splitlines()
    assert first == "golden/photos/net.json: model moved"
    assert "    1: 0 class 0 9.0000 -> 1 class 1 8.0000" in rest
    assert "  cat/1.jpg, by at least 1.5 standard deviations of the logits" in rest


def test_names_break_no_line_of_a_message() -> None:
    """Neither those of images nor of classes and folders, in whatever they are quoted."""
    stages = [StageChange("labels", "1 of 2 images under another label, as cat\n -> \x1b[2J", ("a\n.jpg",))]
    moved = [ImageChange("b\u202e.jpg", 0.0, 1.0, ("1: 0 cat\n 1.0 -> 0.5",))]
    assert attribution.message("golden/d/m.json", stages, moved).split("\n") == [
        "golden/d/m.json: labels moved",
        r"  labels: 1 of 2 images under another label, as cat\n -> \x1b[2J",
        r"    a\n.jpg",
        r"  b\u202e.jpg, by at least 1 standard deviations of the logits",
        r"    1: 0 cat\n 1.0 -> 0.5",
    ]
