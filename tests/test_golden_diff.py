"""What counts as moved, and at which stage: on made-up goldens."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls import golden_diff
from imgcls.pinned import Circumstances, Golden, Pin, Pixels, Seen, Shown, Tolerance, Trace
from imgcls.records import Answer, InputSpec

SPEC = InputSpec(256, (224, 224), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
NAMES = tuple(f"class {number}" for number in range(20))
PIXELS: Pixels = (300, 200, (10.0, 20.0, 30.0), "abc")
TENSOR = (0.1,) * 12
LOGITS = (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)
ALLOWED = Tolerance(0.1, 1e-4, "the same")

PINNED = Golden(
    arch="timm:net",
    options={},
    weights_file_sha256="f" * 64,
    state_sha256="a" * 64,
    input=SPEC,
    exif="ignore",
    precision="float32",
    runtime="eager",
    device="cpu",
    decoder="pillow 13.0.0 (libjpeg_turbo 3.2.0, webp 1.6.0)",
    versions={"torch": "2.14.1", "timm": "1.0.31"},
    labels_sha256="l" * 64,
    folders={"cat": (0,)},
    format=1,
    model="net",
    dataset="photos",
    logit_std=1.0,
    sensitivity=1e-5,
    images=(),
)


def _answer(logits: dict[int, float], tensor: tuple[float, ...] = TENSOR) -> Answer:
    top = sorted(logits.items(), key=lambda item: (-item[1], item[0]))[:10]
    return Answer(tuple(top), math.log(sum(map(math.exp, logits.values()))), tensor)


def _pin(path: str, answer: Answer) -> Pin:
    top = tuple((index, NAMES[index], logit) for index, logit in answer.top[:5])
    return Pin(
        path, path, "cat", PIXELS, answer.fingerprint, "tensor", top, math.exp(answer.top[0][1] - answer.logsumexp)
    )


SOUND = dict(enumerate(LOGITS))
GOLDEN = replace(PINNED, images=tuple(_pin(path, _answer(SOUND)) for path in ("cat/1.jpg", "cat/2.jpg")))


def _seen(answer: Answer, **other: object) -> Seen:
    circumstances = Circumstances(**{f.name: getattr(GOLDEN, f.name) for f in fields(Circumstances)})
    images = {pin.path: Shown(pin.sha256, "cat", answer) for pin in GOLDEN.images}
    return Seen("net", "photos", replace(circumstances, **other), NAMES, images)  # type: ignore[arg-type]  # by name


def _stages(seen: Seen, trace: Trace | None = None, pinned: Golden = GOLDEN, allowed: Tolerance = ALLOWED) -> list[str]:
    beyond = golden_diff.moved(golden_diff.distances(pinned, seen, allowed), allowed)
    walked = trace or Trace({pin.path: PIXELS for pin in pinned.images}, {}, {})
    return [f"{found.stage}: {found.what}" for found in golden_diff.findings(pinned, seen, beyond, walked, allowed)]


def _moved(logits: dict[int, float]) -> bool:
    distances = golden_diff.distances(GOLDEN, _seen(_answer(logits)), ALLOWED)
    return bool(golden_diff.moved(distances, ALLOWED))


def test_what_is_as_pinned_has_no_finding() -> None:
    """Equal answers under equal circumstances are held."""
    assert _stages(_seen(_answer(SOUND))) == []


@given(st.lists(st.floats(-0.049, 0.049), min_size=10, max_size=10))
def test_noise_below_the_tolerance_never_moves_an_answer(noise: list[float]) -> None:
    """Every logit may move by what is allowed."""
    assert not _moved({index: logit + n for (index, logit), n in zip(SOUND.items(), noise, strict=True)})


@given(st.integers(0, 4), st.floats(0.11, 100), st.booleans())
def test_a_pinned_logit_beyond_the_tolerance_always_moves_it(rank: int, by: float, up: bool) -> None:
    """Whichever of the five moves, in whichever direction."""
    assert _moved({**SOUND, rank: SOUND[rank] + (by if up else -by)})


@given(st.integers(0, 3), st.floats(0.001, 0.3))
def test_neighbours_swap_where_they_are_closer_than_the_tolerance_and_nowhere_else(rank: int, gap: float) -> None:
    """Two classes in the other order are the same answer only where the pinned logits cannot tell them apart."""
    close = {**SOUND, rank + 1: SOUND[rank] - gap}
    swapped = {**close, rank: close[rank + 1], rank + 1: close[rank]}
    pinned = replace(GOLDEN, images=(_pin("cat/1.jpg", _answer(close)),))
    found = golden_diff.distances(pinned, _seen(_answer(swapped)), ALLOWED)
    assert bool(golden_diff.moved(found, ALLOWED)) == (gap > ALLOWED.logits)


def test_farther_classes_do_not_swap_though_each_moves_by_less_than_the_tolerance() -> None:
    """It is the pinned distance that counts."""
    pinned = replace(GOLDEN, images=(_pin("cat/1.jpg", _answer({**SOUND, 1: 8.0, 2: 7.85})),))
    found = golden_diff.distances(pinned, _seen(_answer({**SOUND, 1: 7.92, 2: 7.93})), ALLOWED)
    assert golden_diff.moved(found, ALLOWED)


def test_a_sixth_class_may_take_the_fifth_place_only_from_nearby() -> None:
    """The golden does not hold the sixth; what takes the place must be as near as a neighbour."""
    assert not _moved({**SOUND, 5: 5.05})
    assert _moved({**SOUND, 5: 5.2})
    assert _moved({**SOUND, 5: 5.05, 4: 4.8})


def test_a_class_that_left_the_ten_best_moved() -> None:
    """How far is not known, and at least to the tenth."""
    gone = {**{index: logit + 0.01 for index, logit in SOUND.items()}, 4: -5.0, 10: 0.005}
    [first, _] = golden_diff.distances(GOLDEN, _seen(_answer(gone)), ALLOWED)
    assert first.logits == pytest.approx(5.0 - 0.005)
    assert any(rank.startswith("5: 4 class 4") for rank in first.ranks)


def test_a_probability_that_no_logit_explains_moved() -> None:
    """The logits beside the ten best are in it."""
    heavy = replace(_answer(SOUND), logsumexp=_answer(SOUND).logsumexp + 0.3)
    [said] = _stages(_seen(heavy), Trace({}, {}, {pin.path: SOUND for pin in GOLDEN.images}))
    assert said.startswith("scoring: ")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"state_sha256": "b" * 64, "weights_file_sha256": "e" * 64}, "model: the weights differ: file ffff"),
        ({"state_sha256": "b" * 64}, "model: the weights differ: state aaaaaaaaaaaa -> bbbbbbbbbbbb; no answer"),
        ({"options": {"a": 1}}, "model: timm:net {} -> timm:net {'a': 1}"),
        ({"precision": "float16"}, "model: precision float32 -> float16"),
        ({"exif": "apply"}, "decoding: exif ignore -> apply gives 0 of 2"),
        ({"input": replace(SPEC, resize=232)}, "preprocessing: the input spec differs: resize 256 -> 232"),
        ({"folders": {"cat": (1,)}}, "labels: other classes are right for 1 folders: 'cat' [0] -> [1]"),
    ],
)
def test_other_circumstances_are_a_change_of_their_stage(other: dict[str, object], said: str) -> None:
    """Also where no answer moved."""
    [found] = _stages(_seen(_answer(SOUND), **other))
    assert found.startswith(said)


def test_other_versions_alone_are_no_change() -> None:
    """They are what one tests: only what they move counts."""
    newer = _seen(_answer(SOUND), versions={"torch": "2.15.0", "timm": "1.0.31"}, device="cuda")
    assert _stages(newer) == []


def test_a_runtime_that_moves_logits_is_named_with_how_far() -> None:
    """Same weights, same tensors, another torch."""
    newer = _seen(_answer({**SOUND, 0: 9.5}), versions={"torch": "2.15.0", "timm": "1.0.31"})
    [said] = _stages(newer)
    assert said.startswith("model: the runtime: torch 2.14.1 -> 2.15.0; logits moved by 0.5 of their standard")


def test_training_mode_is_named() -> None:
    """It explains what nothing else does."""
    trace = Trace({}, {}, {}, training=("layer1.bn", "layer2.bn"))
    [said] = _stages(_seen(_answer({**SOUND, 0: 9.5})), trace)
    assert said.startswith("model: 2 of its modules are in training mode, as layer1.bn; logits moved")


def test_what_moved_farthest_comes_first() -> None:
    """Of many pictures a few are shown."""
    seen = _seen(_answer(SOUND))
    answers = {"cat/1.jpg": _answer({**SOUND, 0: 9.5}), "cat/2.jpg": _answer({**SOUND, 0: 12.0})}
    seen = replace(seen, images={path: Shown(path, "cat", answer) for path, answer in answers.items()})
    found = golden_diff.moved(golden_diff.distances(GOLDEN, seen, ALLOWED), ALLOWED)
    assert [one.path for one in found] == ["cat/2.jpg", "cat/1.jpg"]


def test_the_stages_of_a_picture_are_told_apart() -> None:
    """Other pixels; the same and other tensors; the same and other logits; the same and other answers."""
    other = _seen(_answer({**SOUND, 0: 9.5}, tensor=(0.2,) * 12))
    paths = [pin.path for pin in GOLDEN.images]
    turned: Pixels = (200, 300, (10.0, 20.0, 30.0), "def")
    assert [s.partition(":")[0] for s in _stages(other, Trace(dict.fromkeys(paths, turned), {}, {}))] == ["decoding"]
    assert [s.partition(":")[0] for s in _stages(other)] == ["preprocessing"]
    same = _seen(_answer({**SOUND, 0: 9.5}))
    sharper = Trace(dict.fromkeys(paths, PIXELS), dict.fromkeys(paths, "another tensor of the same means"), {})
    assert [s.partition(":")[0] for s in _stages(same, sharper)] == ["preprocessing"]
    assert [s.partition(":")[0] for s in _stages(same)] == ["model"]
    bare = Trace(dict.fromkeys(paths, PIXELS), {}, dict.fromkeys(paths, SOUND))
    assert [s.partition(":")[0] for s in _stages(same, bare)] == ["scoring"]


def test_another_decoder_is_not_blamed_for_what_it_cannot_do() -> None:
    """Slightly other pixels of another Pillow do not explain tensors that are quite other."""
    seen = _seen(_answer(SOUND, tensor=(0.5,) * 12), decoder="pillow 12.0.0 (libjpeg_turbo 3.1.0, webp 1.6.0)")
    allowed = golden_diff.tolerance(GOLDEN, seen.circumstances)
    near: Pixels = (300, 200, (10.0, 20.4, 30.0), "def")
    said = _stages(seen, Trace({pin.path: near for pin in GOLDEN.images}, {}, {}), allowed=allowed)
    assert [line.partition(":")[0] for line in said] == ["preprocessing"]
    swapped: Pixels = (300, 200, (30.0, 20.0, 10.0), "def")
    [said_swapped] = _stages(seen, Trace({pin.path: swapped for pin in GOLDEN.images}, {}, {}), allowed=allowed)
    assert said_swapped.endswith("(red and blue are exchanged)")
    turned: Pixels = (200, 300, (10.0, 20.0, 30.0), "def")
    for far in (swapped, turned):
        [said_far] = _stages(seen, Trace({pin.path: far for pin in GOLDEN.images}, {}, {}), allowed=allowed)
        assert (
            "decoding: pillow 13.0.0 -> 12.0.0, libjpeg_turbo 3.2.0 -> 3.1.0 changed the pixels of 2 of 2" in said_far
        )


def test_files_that_are_gone_new_or_other_are_told() -> None:
    """Each path of either side is accounted for; a picture of other bytes is not compared."""
    answer = _answer(SOUND)
    images = {"cat/2.jpg": Shown("other", "cat", _answer({1: 1.0})), "cat/3.jpg": Shown("cat/3.jpg", "cat", answer)}
    seen = replace(_seen(answer), images=images)
    assert _stages(seen) == [
        "files: 1 of 2 pictures gone",
        "files: 1 of 2 pictures of other bytes",
        "files: 1 of 2 pictures new, and not in the golden",
    ]


@pytest.mark.parametrize(("reason", "stage"), [("truncated", "decoding"), ("permission", "files")])
def test_pinned_pictures_that_are_rejected_are_told(reason: str, stage: str) -> None:
    """By the reason why."""
    whole = _seen(_answer(SOUND))
    seen = replace(whole, images={"cat/1.jpg": whole.images["cat/1.jpg"]}, rejected={"cat/2.jpg": (reason, "so it is")})
    [said] = _stages(seen)
    assert said.startswith(f"{stage}: 1 of 2 pictures")
    assert f"({reason}: so it is)" in said


def test_pictures_under_another_label_are_told_with_the_labels() -> None:
    """Whether a manifest says so, or two class folders took each other's names; files themselves are as they were."""
    answer, paths = _answer(SOUND), [pin.path for pin in GOLDEN.images]
    relabelled = {paths[0]: Shown(paths[0], "dog", answer), paths[1]: Shown(paths[1], "cat", answer)}
    renamed = {paths[0]: Shown(paths[1], "dog", answer), "dog/1.jpg": Shown(paths[0], "dog", answer)}
    for images, first, count in ((relabelled, "cat/1.jpg", 1), (renamed, "dog/1.jpg", 2)):
        said = _stages(replace(_seen(answer), images=images))
        assert said == [f"labels: {count} of 2 pictures under another label, as cat/1.jpg -> {first}"]


def test_a_label_list_that_differs_elsewhere_is_told() -> None:
    """Classes that are in nobody's five best have names as well."""
    assert _stages(_seen(_answer(SOUND), labels_sha256="m" * 64)) == [
        "labels: the label list is another, in classes that are in no pinned five"
    ]


def test_a_softmax_too_many_is_scorings() -> None:
    """Wherever it is taken: logits that are the pinned probabilities."""
    probabilities = {index: math.exp(logit - _answer(SOUND).logsumexp) for index, logit in SOUND.items()}
    paths = [pin.path for pin in GOLDEN.images]
    trace = Trace(dict.fromkeys(paths, PIXELS), {}, dict.fromkeys(paths, probabilities))
    [said] = _stages(_seen(_answer(probabilities)), trace)
    assert said.startswith("scoring: ")


def test_one_stage_is_named_for_all_where_few_were_asked_again() -> None:
    """What the network still says of one picture speaks for the others."""
    seen = _seen(_answer({**SOUND, 0: 9.5}))
    assert [s.partition(":")[0] for s in _stages(seen, Trace({}, {}, {"cat/1.jpg": SOUND}))] == ["scoring"]
    assert [s.partition(":")[0] for s in _stages(seen, Trace({}, {}, {"cat/1.jpg": {**SOUND, 0: 9.5}}))] == ["model"]


@given(st.floats(1e-7, 100))
def test_logits_of_any_size_are_as_pinned_once_they_are_rounded(std: float) -> None:
    """Writing a golden loses nothing that reading it would miss."""
    answer = _answer({index: logit * std / 3 for index, logit in SOUND.items()})
    probability = float(f"{math.exp(answer.top[0][1] - answer.logsumexp):.9g}")
    pinned = replace(GOLDEN, logit_std=std, images=(replace(_pin("cat/1.jpg", answer), probability=probability),))
    assert not golden_diff.moved(golden_diff.distances(pinned, _seen(answer), Tolerance(1e-4, 1e-4, "")), ALLOWED)


def test_names_that_moved_are_told() -> None:
    """By class number, as they were and as they are."""
    swapped = replace(_seen(_answer(SOUND)), names=("class 1", "class 0", *NAMES[2:4]))
    [said] = _stages(swapped)
    assert said.startswith(
        "labels: 3 of 5 classes have another name: 0 'class 0' -> 'class 1', 1 'class 1' -> 'class 0'"
    )
    assert said.endswith("4 'class 4' -> no class")


def test_a_head_that_begins_elsewhere_is_recognised() -> None:
    """Most first classes are the pinned ones plus a constant."""
    [said] = _stages(_seen(_answer({index + 1: logit for index, logit in SOUND.items()})))
    assert "its class numbers are those of the golden +1" in said


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        ({}, 1e-3),
        ({"device": "cuda"}, 1e-2),
        ({"decoder": "pillow 12.0.0 (libjpeg_turbo 3.2.0, webp 1.6.0)"}, 1e-1),
    ],
)
def test_the_tolerance_is_a_hundred_sensitivities_and_wider_elsewhere(other: dict[str, object], allowed: float) -> None:
    """Ten times as wide on another kind of device, a hundred times with another decoder."""
    now = _seen(_answer(SOUND), **other).circumstances
    assert golden_diff.tolerance(GOLDEN, now).logits == pytest.approx(allowed)
    insensitive = replace(GOLDEN, sensitivity=0.0)
    assert golden_diff.tolerance(insensitive, now).logits == pytest.approx(allowed / 10)


def test_the_message_names_stages_pictures_and_ranks() -> None:
    """The first line is the verdict; what follows says which pictures and by how much."""
    beyond = golden_diff.moved(golden_diff.distances(GOLDEN, _seen(_answer({**SOUND, 0: 7.5})), ALLOWED), ALLOWED)
    found = golden_diff.findings(GOLDEN, _seen(_answer({**SOUND, 0: 7.5})), beyond, Trace({}, {}, {}), ALLOWED)
    text = golden_diff.message("golden/photos/net.json", found, beyond)
    first, *rest = text.splitlines()
    assert first == "golden/photos/net.json: model moved"
    assert "    1: 0 class 0 9.0000 -> 1 class 1 8.0000" in rest
    assert "  cat/1.jpg, by 1.5 standard deviations of the logits or more" in rest
