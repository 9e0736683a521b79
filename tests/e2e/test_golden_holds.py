"""The judge can say yes: no golden record moves with what must not matter."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, product
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
from imgcls.records.data import ImageRef, Images, Listing
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

ONE_OF = {"digits": 6, "photos10": 2, "pictures": 1}
"""Of so many images of a dataset one is taken, but all in ALL_PAIRS where several go at once; they move as it does."""

Way = tuple[int, int, bool, bool]
"""The place of the number of images at a time, threads, channels last, reversed order of the files."""

ALL_WAYS: tuple[Way, ...] = tuple(product((0, 1, 2), (1, 2), (True, False), (True, False)))

ALL_PAIRS: tuple[Way, ...] = (
    (0, 1, True, True), (0, 2, False, False), (1, 1, False, True), (1, 2, True, False), (2, 1, True, False),
    (2, 2, False, True),
)  # fmt: skip
"""A quarter of all ways, in which every two settings of different kinds meet."""

InWays = Callable[[Settings, str, tuple[int, ...], Sequence[Way]], list[Verdict]]


def _listing(dataset: DatasetSpec, *, one_of: int, reverse: bool) -> Listing:
    listing = datasets.list_images(dataset)
    taken = listing.images[::one_of]
    return replace(listing, images=Images(taken[::-1] if reverse else taken))


def _verdicts(
    settings: Settings, dataset: DatasetSpec, pool: ModelPool, *, one_of: int, reverse: bool
) -> Iterator[Verdict]:
    """The verdicts of a dataset's golden records on one run whose store is empty."""
    store, list_images = Store(None), partial(_listing, one_of=one_of, reverse=reverse)
    outcome = evaluator.evaluate("run", dataset, list(settings.models), pool, store, lambda *_: None, list_images)
    for pair in outcome.pairs:
        name = pair.scores.model
        current = recorder.current_results(store, "run", outcome, settings.models[name])
        golden = files.read(files.place(ROOT, dataset.name, name), "pytest")
        taken = tuple(image for image in golden.images if image.path in current.images)
        assert len(taken) == len(golden.images) // one_of
        yield check.judge(replace(golden, images=taken), current, partial(pool.get, name), dataset, name)
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
def in_ways(monkeypatch: pytest.MonkeyPatch) -> InWays:
    """Every verdict on one dataset, of these images at a time, threads, memory layouts and orders of the files."""

    def verdicts(settings: Settings, dataset: str, batch_sizes: tuple[int, ...], ways: Sequence[Way]) -> list[Verdict]:
        results: list[Verdict] = []
        pool, threads = ModelPool(settings.models, "cpu"), torch.get_num_threads()
        to_device = EagerClassifier.to_device
        decoded_once = _remembered(inputs.prepared_or_rejected)
        monkeypatch.setattr(inputs, "prepared_or_rejected", decoded_once)
        for way in ways:
            place, workers, channels_last, reverse = way
            batch = batch_sizes[place]
            layout = torch.channels_last if channels_last else torch.contiguous_format
            monkeypatch.setattr(inference, "batch_size", lambda _, size=batch: size)
            monkeypatch.setattr(
                EagerClassifier, "to_device", lambda self, b, f=layout: to_device(self, b).contiguous(memory_format=f)
            )
            for name in settings.models:
                pool.get(name).classifier.module.to(memory_format=layout)
            torch.set_num_threads(workers)
            monkeypatch.setattr(machine, "threads", lambda number=workers: number)  # no fewer while it scores
            one_of = 1 if batch > 1 and way in ALL_PAIRS else ONE_OF[dataset]
            results += _verdicts(settings, settings.datasets[dataset], pool, one_of=one_of, reverse=reverse)
        torch.set_num_threads(threads)
        return results

    return verdicts


def test_all_pairs_are_all_pairs() -> None:
    """Whatever two settings have, some way of the quarter has both."""
    for first, second in combinations(range(4), 2):
        assert {(way[first], way[second]) for way in ALL_PAIRS} == {(way[first], way[second]) for way in ALL_WAYS}


def test_built_in_goldens_hold_in_all_ways(in_ways: InWays) -> None:
    """3 models x 24 ways on 60 digits, or on all 360: 72 runs, no false alarm."""
    verdicts = in_ways(configuration.load([ROOT / "imgcls.toml"]), "digits", MANY, ALL_WAYS)
    assert len(verdicts) == 72
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_goldens_of_architectures_hold_in_all_pairs_of_ways(
    in_ways: InWays, photographs: Path, tmp_path: Path, name: str
) -> None:
    """7 architectures x 6 ways on 3 photographs: 42 runs, no false alarm."""
    toml = tmp_path / "pictures.toml"
    toml.write_text(f'[datasets.pictures]\npath = "{photographs}"\nlabels = "wnid"\n')
    settings = configuration.load([ROOT / "bench" / "architectures.toml", toml])
    verdicts = in_ways(configuration.select(settings, [name], None), "pictures", FEW, ALL_PAIRS)
    assert len(verdicts) == 6
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []


def test_every_architecture_is_among_them() -> None:
    """The names above are those of the configuration."""
    toml = ROOT / "bench" / "architectures.toml"
    assert set(ARCHITECTURES) == configuration.load([toml]).models.keys()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["squeezenet", "mobilenet_qat", "mobilenet_ptq"])
def test_goldens_of_real_weights_hold_in_all_pairs_of_ways(in_ways: InWays, shared_data: Path, name: str) -> None:
    """3 networks with their ImageNet weights x 6 ways on 50 photographs, or on 25 one at a time: no false alarm."""
    settings = configuration.load([shared_data / "imgcls.toml"])
    assert len(settings.models) == 3
    verdicts = in_ways(configuration.select(settings, [name], ["photos10"]), "photos10", MANY, ALL_PAIRS)
    assert len(verdicts) == 6
    assert [verdict.message for verdict in verdicts if verdict.status != "pass"] == []
