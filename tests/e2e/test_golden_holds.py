"""The judge can say yes: no golden record moves with what must not matter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.evaluation import evaluator, inputs
from imgcls.golden import check, files, recorder
from imgcls.models import inference
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import DatasetSpec, Settings
from imgcls.records.data import ImageRef, Listing
from imgcls.records.evaluation import Verdict
from imgcls.store.database import Store
from imgcls.system import machine

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ARCHITECTURES = (
    "alexnet", "googlenet", "resnet50", "regnet_y_3_2gf", "vit_b16", "efficientnetv2_m", "resnetv2_50x1"
)  # fmt: skip
MANY, FEW = (1, 7, 32), (1, 2, 3)
"""Images at a time, for datasets of many images and of three."""

InAllWays = Callable[[Settings, str, tuple[int, ...]], list[Verdict]]


def _reversed(dataset: DatasetSpec) -> Listing:
    listing = datasets.list_images(dataset)
    return replace(listing, images=listing.images[::-1])


def _verdicts(settings: Settings, dataset: DatasetSpec, pool: ModelPool, *, reverse: bool) -> Iterator[Verdict]:
    """The verdicts of a dataset's golden records on one run whose store is empty."""
    store, list_images = Store(None), _reversed if reverse else datasets.list_images
    outcome = evaluator.evaluate("run", dataset, list(settings.models), pool, store, lambda *_: None, list_images)
    for pair in outcome.pairs:
        name = pair.scores.model
        current = recorder.current_results(store, "run", outcome, settings.models[name])
        golden = files.read(files.place(ROOT, dataset.name, name), "pytest")
        yield check.judge(golden, current, partial(pool.get, name), dataset, name)
    store.close()


def _remembered(prepare: Callable[..., Any]) -> Callable[..., Any]:
    """What decodes and crops, once for every image: none of the ways is about it."""
    results: dict[tuple[object, ...], Any] = {}

    def prepared(image: ImageRef, *settings: Any) -> Any:
        key = (image.sha256, repr(settings))
        if key not in results:
            results[key] = prepare(image, *settings)
        return results[key]

    return prepared


@pytest.fixture
def in_all_ways(monkeypatch: pytest.MonkeyPatch) -> InAllWays:
    """Every verdict on one dataset: images at a time x threads x memory layout x order of the files."""

    def verdicts(settings: Settings, dataset: str, batch_sizes: tuple[int, ...]) -> list[Verdict]:
        results: list[Verdict] = []
        pool, threads = ModelPool(settings.models, "cpu"), torch.get_num_threads()
        to_device = EagerClassifier.to_device
        decoded_once = _remembered(inputs.prepared_or_rejected)
        monkeypatch.setattr(inputs, "prepared_or_rejected", decoded_once)
        for batch, workers, channels_last, reverse in product(batch_sizes, (1, 2), (True, False), (True, False)):
            layout = torch.channels_last if channels_last else torch.contiguous_format
            monkeypatch.setattr(inference, "batch_size", lambda _, size=batch: size)
            monkeypatch.setattr(
                EagerClassifier, "to_device", lambda self, b, f=layout: to_device(self, b).contiguous(memory_format=f)
            )
            for name in settings.models:
                pool.get(name).classifier.module.to(memory_format=layout)
            torch.set_num_threads(workers)
            monkeypatch.setattr(machine, "threads", lambda number=workers: number)  # no fewer while it scores
            results += _verdicts(settings, settings.datasets[dataset], pool, reverse=reverse)
        torch.set_num_threads(threads)
        return results

    return verdicts


def test_built_in_goldens_hold_in_all_ways(in_all_ways: InAllWays) -> None:
    """3 models x 24 ways on 360 digits: 72 runs, no false alarm."""
    verdicts = in_all_ways(configuration.load([ROOT / "imgcls.toml"]), "digits", MANY)
    assert len(verdicts) == 72
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_goldens_of_architectures_hold_in_all_ways(
    in_all_ways: InAllWays, photographs: Path, tmp_path: Path, name: str
) -> None:
    """7 architectures x 24 ways on 3 photographs: 168 runs, no false alarm."""
    toml = tmp_path / "pictures.toml"
    toml.write_text(f'[datasets.pictures]\npath = "{photographs}"\nlabels = "wnid"\n')
    settings = configuration.load([ROOT / "bench" / "architectures.toml", toml])
    verdicts = in_all_ways(configuration.select(settings, [name], None), "pictures", FEW)
    assert len(verdicts) == 24
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []


def test_every_architecture_is_among_them() -> None:
    """The names above are those of the configuration."""
    toml = ROOT / "bench" / "architectures.toml"
    assert set(ARCHITECTURES) == configuration.load([toml]).models.keys()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["squeezenet", "mobilenet_qat", "mobilenet_ptq"])
def test_goldens_of_real_weights_hold_in_all_ways(in_all_ways: InAllWays, shared_data: Path, name: str) -> None:
    """3 networks with their ImageNet weights x 24 ways on 50 photographs: 72 runs, no false alarm."""
    settings = configuration.load([shared_data / "imgcls.toml"])
    assert len(settings.models) == 3
    verdicts = in_all_ways(configuration.select(settings, [name], ["photos10"]), "photos10", MANY)
    assert len(verdicts) == 24
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []
