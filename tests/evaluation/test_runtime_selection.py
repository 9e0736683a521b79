"""Which runtime scores a dataset: by a rule without timing, tried before it is used, and remembered."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_parts import pretended_graph
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.evaluation import evaluator, runtime_selection, runtime_trial
from imgcls.models import loader
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes.cuda_graph import GraphClassifier
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import DatasetSpec, ModelSpec
from imgcls.records.evaluation import DatasetOutcome
from imgcls.records.plan import Plan, PlannedRuntime
from imgcls.records.shards import Shard
from imgcls.store.database import Store
from imgcls.system import machine, versions
from networks import DIGITS_NET

Command = Callable[..., pytest.RunResult]

needs_openvino = pytest.mark.skipif(not versions.has_library("openvino"), reason="openvino: not installed")

DIGITS = f"""
[datasets.few]
path = "few"
labels = "index"
{DIGITS_NET}"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty noisy images in two folders, a built-in network, and a rule for which these are enough."""
    drawn = np.random.default_rng(0)
    for number in range(20):
        place = tmp_path / "few" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.integers(0, 256, (40, 40, 3), np.uint8)).save(place / f"{number:02}.png")
    (tmp_path / "imgcls.toml").write_text(DIGITS)
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 20 * 32 * 32)
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


def _scored(folder: Path, store: Store, run_id: str = "run", **keys: str) -> DatasetOutcome:
    """One run over the few images, with these keys of the model."""
    digits = DIGITS
    if arch := keys.pop("arch", None):
        digits = DIGITS.replace("timm:test_resnet", arch).replace("options = { num_classes = 10 }\n", "")
        digits = digits.replace("builtin:digits_resnet", "random:0")
    text = digits + "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    (folder / "imgcls.toml").write_text(text)
    settings = configuration.load([folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu", store.artefacts)
    return evaluator.evaluate(run_id, settings.datasets["few"], ["net"], pool, store, lambda *_: None)


def _shard_scored(folder: Path, store: Store, number: int, plan: Plan | None = None) -> DatasetOutcome:
    """One of two shards of the few images."""
    settings = configuration.load([folder / "imgcls.toml"])
    pool, find = ModelPool(settings.models, "cpu"), partial(datasets.list_images, shard=Shard(number, 2))
    run_id = f"shard {number}"
    return evaluator.evaluate(run_id, settings.datasets["few"], ["net"], pool, store, lambda *_: None, find, plan)


def _chosen(outcome: DatasetOutcome) -> tuple[str, str | None, int]:
    """Runtime, why, and the number of predictions from the store."""
    [pair] = outcome.pairs
    assert pair.failure is None
    assert pair.facts is not None
    assert pair.choice is not None
    assert pair.facts.runtime == pair.choice.runtime
    return pair.choice.runtime, pair.choice.why, pair.from_store


@needs_openvino
def test_many_images_are_worth_converting(folder: Path, store: Store) -> None:
    """From so many listed pixels on it is OpenVINO; the counts of its classes are eager's."""
    many, few = _scored(folder, store), _scored(folder, store, "few", runtime="eager")
    assert (_chosen(many), _chosen(few)) == (("openvino", None, 0), ("eager", None, 0))
    assert many.pairs[0].prediction_key != few.pairs[0].prediction_key
    for pair in (many.pairs[0], few.pairs[0]):
        assert pair.scores.scored == 20
    assert many.pairs[0].scores.classes == few.pairs[0].scores.classes
    assert many.passes[0].compile_seconds["net"] > 0
    assert few.passes[0].compile_seconds["net"] < many.passes[0].compile_seconds["net"]


def test_few_images_are_not(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image's pixels less than enough, and it is eager."""
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 21 * 32 * 32)
    assert _chosen(_scored(folder, store)) == ("eager", None, 0)


@needs_openvino
def test_a_shard_takes_the_runtime_of_the_whole(folder: Path, store: Store) -> None:
    """By the number of all images; its trial was made on its own ones, so that nobody else is bound by it."""
    shards = [_shard_scored(folder, store, number) for number in (1, 2)]
    assert [_chosen(shard)[0] for shard in shards] == ["openvino", "openvino"]
    assert sum(shard.pairs[0].scores.scored for shard in shards) == 20
    assert store.info().rows["choices"] == 0
    assert _chosen(_scored(folder, store)) == ("openvino", None, 20)


@pytest.mark.slow
def test_a_shard_takes_what_was_planned(folder: Path, store: Store) -> None:
    """As it is, without a trial; later runs on the store do, too."""
    [pair] = _scored(folder, Store(None)).pairs
    assert pair.choice
    choice = replace(pair.choice, why="as planned")
    plan = Plan(1, "", (PlannedRuntime("net", "few", choice, str(pair.prediction_key), {}),))
    assert _chosen(_shard_scored(folder, store, 1, plan))[:2] == (choice.runtime, "as planned")
    assert _chosen(_scored(folder, store))[:2] == (choice.runtime, "as planned")


def test_without_the_package_it_is_eager(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not requested by name needs no message."""
    monkeypatch.setattr(versions, "has_library", lambda runtime: runtime != "openvino")
    assert _chosen(_scored(folder, store)) == ("eager", None, 0)


@needs_openvino
def test_a_choice_is_remembered(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later run goes on with it, however few images are listed or missing by then, and tries nothing again."""
    assert _chosen(_scored(folder, store)) == ("openvino", None, 0)
    for image in sorted((folder / "few").rglob("*.png"))[:15]:
        image.unlink()
    monkeypatch.setattr(runtime_trial, "run", lambda *_: pytest.fail("it was tried again"))
    assert _chosen(_scored(folder, store, "later")) == ("openvino", None, 5)


@needs_openvino
def test_a_run_that_was_cut_short_goes_on_as_it_began(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An eager beginning is finished by eager, whatever the rule says by then."""
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 10**9)
    assert _chosen(_scored(folder, store)) == ("eager", None, 0)
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 1)
    assert _chosen(_scored(folder, store, "later")) == ("eager", None, 20)


@needs_openvino
def test_a_set_that_grew_is_looked_at_anew(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen for few images does not bind the many that came since."""
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 21 * 32 * 32)
    assert _chosen(_scored(folder, store)) == ("eager", None, 0)
    Image.new("RGB", (40, 40)).save(folder / "few" / "0" / "new.png")
    assert _chosen(_scored(folder, store, "later")) == ("openvino", None, 0)


def _replaced(folder: Path, images: slice) -> None:
    """Some of the images become others, of other bytes."""
    drawn = np.random.default_rng(2)
    for image in sorted((folder / "few").rglob("*.png"))[images]:
        Image.fromarray(drawn.integers(0, 256, (40, 40, 3), np.uint8)).save(image)


@needs_openvino
@pytest.mark.parametrize("replaced", [pytest.param(slice(20), marks=pytest.mark.slow), slice(1)], ids=["all", "one"])
def test_images_that_were_replaced_are_tried_as_the_set_that_they_were(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, replaced: slice
) -> None:
    """What was measured was of others, and what suits their number still suits, also where some were deleted."""
    first = _scored(folder, store, precision="bfloat16")
    (folder / "few" / "0" / "18.png").unlink()
    assert _scored(folder, store, "fewer", precision="bfloat16").pairs[0].choice == first.pairs[0].choice
    _replaced(folder, replaced)
    later, ran = _scored(folder, store, "later", precision="bfloat16").pairs[0].choice, []
    assert first.pairs[0].choice
    assert later
    assert (later.runtime, later.listed) == (first.pairs[0].choice.runtime, 20)
    assert (first.pairs[0].choice.drifts["precision"].images, later.drifts["precision"].images) == (20, 19)
    monkeypatch.setattr(runtime_trial, "run", lambda *_: ran.append(1))
    assert _scored(folder, store, "again", precision="bfloat16").pairs[0].choice == later
    assert not ran


@needs_openvino
def test_images_that_do_not_decode_try_nothing(folder: Path, store: Store) -> None:
    """Without a single image there is no trial, nothing is remembered, and every file is rejected by name."""
    for image in (folder / "few").rglob("*.png"):
        image.write_bytes(b"not an image " + image.name.encode())
    outcome = _scored(folder, store)
    assert (len(outcome.rejections), outcome.pairs[0].scores.scored) == (20, 0)
    drawn = np.random.default_rng(1)
    for image in (folder / "few").rglob("*.png"):
        Image.fromarray(drawn.integers(0, 256, (40, 40, 3), np.uint8)).save(image)
    later = _scored(folder, store, "later")
    assert (_chosen(later), later.passes[0].compile_seconds["net"] > 0.05) == (("openvino", None, 0), True)


def test_a_choice_is_about_one_set_of_circumstances(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another dataset, folder, decoder, requested runtime, library, CPU or rule of ours, and it is chosen anew."""
    model = loader.load(configuration.load([folder / "imgcls.toml"]).models["net"], "cpu")
    dataset = DatasetSpec("few", folder)
    keys = [
        runtime_selection.key(model, dataset, "pillow"),
        runtime_selection.key(model, replace(dataset, name="more"), "pillow"),
        runtime_selection.key(model, replace(dataset, path=folder / "few"), "pillow"),
        runtime_selection.key(model, dataset, "pillow 2"),
        runtime_selection.key(replace(model, spec=replace(model.spec, runtime="openvino")), dataset, "pillow"),
    ]
    monkeypatch.setattr(versions, "of_runtime", lambda _: {"openvino": "1"})
    keys.append(runtime_selection.key(model, dataset, "pillow"))
    monkeypatch.setattr(machine, "vectors", lambda: "mmx")
    keys.append(runtime_selection.key(model, dataset, "pillow"))
    monkeypatch.setattr(runtime_selection, "source_sha256", lambda *_: "of another version")
    keys.append(runtime_selection.key(model, dataset, "pillow"))
    assert len(set(keys)) == len(keys)


@needs_openvino
@pytest.mark.slow
def test_a_reduced_precision_that_is_worse_than_rounding_is_not_used(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO's bfloat16 may be four times as far from float32 as eager's, and not a hundred times."""
    from imgcls.models.runtimes import openvino

    monkeypatch.setitem(openvino.CAPABILITIES, "bfloat16", "FP32")
    monkeypatch.setitem(openvino.HINTS, "bfloat16", "f32")  # on every CPU
    assert _chosen(_scored(folder, store, precision="bfloat16"))[0] == "openvino"
    forward = openvino.OpenVinoClassifier.forward
    worse = lambda self, batch: forward(self, batch) * np.float32(1.5)  # noqa: E731 - it is one line
    monkeypatch.setattr(openvino.OpenVinoClassifier, "forward", worse)
    with closing(Store(None)) as another:
        chosen, why, _ = _chosen(_scored(folder, another, precision="bfloat16"))
    assert (chosen, "standard deviations apart" in str(why)) == ("eager", True)


def test_cuda_graphs_are_tried_before_they_are_used(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are requested by name and agree with eager, they score; where they do not, eager does, with a line."""
    eager = _scored(folder, store, "eager", runtime="eager")
    with pretended_graph.graphs():
        recorded = _scored(folder, store, runtime="cuda-graph")
        assert _chosen(recorded) == ("cuda-graph", None, 0)
        assert recorded.pairs[0].scores.classes == eager.pairs[0].scores.classes
        assert recorded.pairs[0].prediction_key != eager.pairs[0].prediction_key
        infer = GraphClassifier.infer
        monkeypatch.setattr(GraphClassifier, "infer", lambda self, batch: infer(self, batch) * 1.001)
        with closing(Store(None)) as another:
            chosen, why, _ = _chosen(_scored(folder, another, runtime="cuda-graph"))
    assert chosen == "eager"
    assert str(why).startswith("scored with eager, not cuda-graph: its logits are ")


def test_cuda_graphs_on_a_cpu_are_refused_before_loading(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, which is the model's failure."""
    monkeypatch.setattr(loader, "filled", lambda _: pytest.fail("it was loaded"))
    [pair] = _scored(folder, store, runtime="cuda-graph").pairs
    assert pair.failure
    assert pair.failure.exit_code == 3
    assert pair.failure.message.startswith('[models.net] runtime = "cuda-graph" runs on the device cuda, not on cpu: ')


@needs_openvino
@pytest.mark.parametrize("runtime", ["auto", "openvino"])
def test_a_runtime_that_disagrees_is_not_used(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    """It is eager instead, and the reason is reported, in this run and in later ones."""
    from imgcls.models.runtimes.openvino import OpenVinoClassifier

    forward = OpenVinoClassifier.forward
    monkeypatch.setattr(OpenVinoClassifier, "forward", lambda self, batch: forward(self, batch) * np.float32(1.001))
    for run_id, stored in (("one", 0), ("two", 20)):
        chosen, why, from_store = _chosen(_scored(folder, store, run_id, runtime=runtime))
        assert (chosen, from_store) == ("eager", stored)
        assert str(why).startswith("scored with eager, not openvino: its logits are ")


@needs_openvino
def test_what_cannot_be_converted_is_eager_unless_it_was_requested(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``auto`` it is a line; requested by name it is the model's failure."""
    from imgcls.models.runtimes import openvino

    def refuses(*_: Any, **__: Any) -> None:
        raise ValueError("no conversion for that")

    monkeypatch.setattr(openvino, "converted", refuses)
    chosen, why, _ = _chosen(_scored(folder, store))
    assert (chosen, why) == (
        "eager",
        "scored with eager, not openvino: OpenVINO cannot run net: no conversion for that",
    )
    [pair] = _scored(folder, store, "named", runtime="openvino").pairs
    assert pair.failure is not None
    assert pair.failure.message == "OpenVINO cannot run net: no conversion for that"


NETS = """
import torch


class Looking(torch.nn.Module):
    \"\"\"Has other logits for bright images, which the tracer does not see.\"\"\"

    def forward(self, batch):
        means = batch.mean(dim=(2, 3)).repeat(1, 4)[:, :10]
        return -means if batch.mean() > 10 else means


class Chaotic(torch.nn.Module):
    \"\"\"The smallest change of an image changes its logits.\"\"\"

    def forward(self, batch):
        return torch.sin(1e7 * batch.mean(dim=(2, 3))).repeat(1, 4)[:, :10]


class Nowhere(torch.nn.Module):
    \"\"\"Has infinite logits.\"\"\"

    def forward(self, batch):
        return batch.mean(dim=(2, 3)).repeat(1, 4)[:, :10] / 0.0


class Together(torch.nn.Module):
    \"\"\"Normalises with the other images of the batch.\"\"\"

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3, track_running_stats=False)

    def forward(self, batch):
        return self.norm(batch).amax(dim=(2, 3)).repeat(1, 4)[:, :10]
"""


@needs_openvino
@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("Chaotic", "its own logits move by * standard deviations when its input moves by a millionth"),
        ("Nowhere", "its own logits are not finite"),
        ("Together", "its output for an image depends on the other images of the batch"),
    ],
)
def test_what_cannot_be_compared_is_eager(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, network: str, why: str
) -> None:
    """Where nothing can be compared with eager's outputs, nothing is compiled for that, and it is reported."""
    from imgcls.models.runtimes import openvino

    monkeypatch.setattr(openvino, "converted", lambda *_: pytest.fail("it was converted"))
    (folder / "wobbling.py").write_text(NETS)
    monkeypatch.syspath_prepend(folder)
    [pair] = _scored(folder, store, arch=f"python:wobbling:{network}", runtime="openvino").pairs
    assert pair.choice is not None
    assert pair.choice.runtime == "eager"
    assert fnmatch(str(pair.choice.why), f"scored with eager, not openvino: {why}")


@needs_openvino
def test_what_was_converted_on_request_is_not_used_without_one(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the tracer has doubts ``auto`` is eager, also where a conversion that was requested lies next to it."""
    (folder / "wobbling.py").write_text(NETS)
    monkeypatch.syspath_prepend(folder)
    assert _chosen(_scored(folder, store, arch="python:wobbling:Looking", runtime="openvino"))[0] == "openvino"
    chosen, why, _ = _chosen(_scored(folder, store, "auto", arch="python:wobbling:Looking", runtime="auto"))
    assert (chosen, "Python boolean" in str(why)) == ("eager", True)


@needs_openvino
@pytest.mark.slow
def test_a_remembered_runtime_that_has_become_unusable(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``auto``, all is scored anew with eager, and why is reported; with nothing to compute, nothing is wrong."""
    from imgcls.models.runtimes import openvino

    assert _chosen(_scored(folder, store)) == ("openvino", None, 0)

    def missing() -> None:
        raise ImportError("libtbb.so.12: cannot open shared object file")

    with monkeypatch.context() as patch:
        patch.setattr(openvino, "library", missing)
        assert _chosen(_scored(folder, store, "stored")) == ("openvino", None, 20)
        images = sorted((folder / "few").rglob("*.png"))
        Image.new("RGB", (40, 40)).save(images[0])
        for run_id in ("changed", "fewer"):
            chosen, why, _ = _chosen(_scored(folder, store, run_id))
            assert chosen == "eager"
            assert str(why).startswith(
                "scored with eager, not openvino: OpenVINO is installed and does not start: libtbb"
            )
            images.pop().unlink()
    assert _chosen(_scored(folder, store, "mended"))[:2] == ("openvino", None)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_reduced_precision_reports_what_it_changes(folder: Path, store: Store, precision: str) -> None:
    """The predictions that differ from float32's are counted on a sample, and remembered."""
    first = _scored(folder, store, precision=precision, runtime="eager").pairs[0]
    assert first.choice is not None
    drift = first.choice.drifts["precision"]
    assert (drift.images, set(first.choice.drifts)) == (20, {"precision"})
    assert 0 <= drift.top1 <= drift.top5 <= 20
    again = _scored(folder, store, "again", precision=precision, runtime="eager").pairs[0]
    assert (again.choice, again.from_store) == (first.choice, 20)


def test_drift_is_counted_against_float32(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A precision that changes everything is reported so."""
    to_numpy = EagerClassifier.to_numpy

    def lossy(self: EagerClassifier, output: Any, images: int) -> Any:
        logits = to_numpy(self, output, images)
        return logits if self.dtype.itemsize == 4 else np.roll(logits, 1, axis=1)

    monkeypatch.setattr(EagerClassifier, "to_numpy", lossy)
    [pair] = _scored(folder, store, precision="bfloat16", runtime="eager").pairs
    assert pair.choice is not None
    assert pair.choice.drifts["precision"].top1 == 20


def test_float32_and_exact_pixels_have_no_drift(folder: Path, store: Store) -> None:
    """Nothing was given up, so there is nothing to count."""
    [pair] = _scored(folder, store, runtime="eager").pairs
    assert pair.choice is not None
    assert pair.choice.drifts == {}


@needs_openvino
def test_the_same_network_under_another_runtime() -> None:
    """Everything but the runtime stays: weights, labels, input; and a reduced precision is cast from float32 anew."""
    spec = ModelSpec(
        "net",
        "timm:test_resnet",
        weights="random:0",
        labels="digits",
        options={"num_classes": 10},
        precision="bfloat16",
    )
    model = loader.load(spec, "cpu")
    other = loader.with_runtime(model, "openvino")
    assert replace(other.info, runtime="eager") == model.info
    assert other.classifier.module.state_dict()["conv1.0.weight"].dtype.itemsize == 4
    assert model.classifier.module.state_dict()["conv1.0.weight"].dtype.itemsize == 2
    assert loader.as_float32(model).info.precision == "float32"


@needs_openvino
def test_torchs_profiler_sees_nothing_of_it(folder: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """``imgcls profile`` reports it in one line, with what to request instead."""
    monkeypatch.chdir(folder)
    (folder / "imgcls.toml").write_text(DIGITS + 'runtime = "openvino"\n')
    result = imgcls("profile", "net")
    assert result.ret == 1
    assert 'runs on openvino, of which torch.profiler sees no operators; runtime = "eager" shows' in result.errlines[-1]


def test_the_document_has_all_of_it(folder: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runtime, why not another, and what was given up are in the document and on the terminal."""
    monkeypatch.chdir(folder)
    text = DIGITS + 'precision = "bfloat16"\nruntime = "eager"\n'
    (folder / "imgcls.toml").write_text(text)
    result = imgcls("score", "--json", "made.json")
    assert result.ret == 0, result.errlines
    [found] = json.loads((folder / "made.json").read_text())["results"]
    assert (found["runtime"], found["runtime_note"]) == ("eager", None)
    assert found["drifts"]["precision"]["images"] == 20
    result.stdout.fnmatch_lines(["net on few: bfloat16 against float32: of 20 *, top-1 differs on *"])


@needs_openvino
@pytest.mark.slow
def test_goldens_are_eagers_from_exact_pixels(
    folder: Path, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is scored by OpenVINO is recorded, and compared with its golden record, as eager runs it."""
    monkeypatch.chdir(folder)
    text = DIGITS.replace('labels = "index"', 'labels = "index"\ngolden = true') + 'runtime = "openvino"\n'
    (folder / "imgcls.toml").write_text(text)
    (folder / "test_models.py").write_text("from imgcls.suite import *\n")
    assert run_pytest("-m", "golden", "--imgcls-update-golden").ret == 0
    golden = json.loads((folder / "golden" / "few" / "net.json").read_text())
    assert golden["runtime"] == "eager"
    held = run_pytest("-m", "golden or accuracy", "--imgcls-json", "made.json")
    assert held.ret == 0, held.outlines
    held.stdout.fnmatch_lines(["*goldens: 1 of 1 compared*"])
    [found] = json.loads((folder / "made.json").read_text())["results"]
    assert found["runtime"] == "openvino"


@needs_openvino
@pytest.mark.slow
def test_goldens_are_eagers_where_the_runtime_disagrees(
    folder: Path, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was requested and was not used has no part in the golden record."""
    monkeypatch.chdir(folder)
    text = DIGITS.replace('labels = "index"', 'labels = "index"\ngolden = true')
    (folder / "test_models.py").write_text("from imgcls.suite import *\n")
    from imgcls.models.runtimes.openvino import OpenVinoClassifier

    forward = OpenVinoClassifier.forward
    monkeypatch.setattr(OpenVinoClassifier, "forward", lambda self, batch: forward(self, batch) * 3)
    recorded = {}
    for runtime in ("openvino", "eager"):
        (folder / "imgcls.toml").write_text(f'{text}runtime = "{runtime}"\n')
        assert run_pytest("-m", "golden", "--imgcls-update-golden").ret == 0
        recorded[runtime] = json.loads((folder / "golden" / "few" / "net.json").read_text())
    assert recorded["openvino"] == recorded["eager"]
