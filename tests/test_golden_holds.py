"""The judge can say yes: no golden moves with what must not matter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch

from imgcls import asking, config, golden, golden_files, pipeline, run
from imgcls.models import Shelf
from imgcls.records import DatasetSpec, Listing, Settings, Verdict
from imgcls.runtimes.eager import EagerClassifier
from imgcls.store import Store

ROOT = Path(__file__).parents[1]
WAYS = list(product((1, 7, 32), (1, 2), (True, False), (True, False)))
"""Pictures at a time, threads, channels last or first, files in order or reversed."""


def _reversed(dataset: DatasetSpec) -> Listing:
    listing = run.listing(dataset)
    return replace(listing, images=listing.images[::-1])


def _verdicts(settings: Settings, dataset: DatasetSpec, shelf: Shelf, *, reverse: bool) -> Iterator[Verdict]:
    """What the goldens of a data set say of one run that finds nothing in any store."""
    store, find = Store(None), _reversed if reverse else run.listing
    outcome = run.score("run", dataset, list(settings.models), shelf, store, lambda *_: None, find)
    for pair in outcome.pairs:
        name = pair.scores.model
        seen = golden.seen(store, "run", outcome, settings.models[name])
        file = golden_files.place(ROOT, dataset.name, name)
        pinned = golden_files.read(file, "pytest")
        yield golden.compare(pinned, seen, partial(shelf.get, name), dataset, name)
    store.close()


@pytest.fixture
def in_all_ways(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings, str], list[Verdict]]:
    """Every verdict of every way in which a machine may go about one data set."""

    def verdicts(settings: Settings, dataset: str) -> list[Verdict]:
        found: list[Verdict] = []
        shelf, threads = Shelf(settings.models, "cpu"), torch.get_num_threads()
        for batch, workers, channels_last, reverse in WAYS:
            layout = torch.channels_last if channels_last else torch.contiguous_format
            monkeypatch.setattr(pipeline, "PART", {"cpu": batch})
            monkeypatch.setattr(asking, "PART_PIXELS", {"cpu": 10**9})  # as many as a thread has
            monkeypatch.setattr(EagerClassifier, "placed", lambda _, b, f=layout: b.to(memory_format=f))
            for name in settings.models:
                shelf.get(name).classifier.module.to(memory_format=layout)
            torch.set_num_threads(workers)
            found += _verdicts(settings, settings.datasets[dataset], shelf, reverse=reverse)
        torch.set_num_threads(threads)
        return found

    return verdicts


InAllWays = Callable[[Settings, str], list[Verdict]]


def test_built_in_goldens_hold_in_all_ways(in_all_ways: InAllWays) -> None:
    """3 models x 24 ways on 360 digits: 72 runs, no false alarm."""
    found = in_all_ways(config.load([ROOT / "imgcls.toml"]), "digits")
    assert len(found) == 72
    assert [verdict.message for verdict in found if verdict.status != "pass"] == []


def test_goldens_of_architectures_hold_in_all_ways(in_all_ways: InAllWays, pictures: Path, tmp_path: Path) -> None:
    """7 architectures x 24 ways on 3 photographs: 168 runs, no false alarm."""
    configuration = tmp_path / "pictures.toml"
    configuration.write_text(f'[datasets.pictures]\npath = "{pictures}"\nlabels = "wnid"\n')
    found = in_all_ways(config.load([ROOT / "bench" / "architectures.toml", configuration]), "pictures")
    assert len(found) == 168
    assert [verdict.message for verdict in found if verdict.status != "pass"] == []


def test_goldens_of_real_weights_hold_in_all_ways(in_all_ways: InAllWays, shared_data: Path) -> None:
    """3 networks with their ImageNet weights x 24 ways on 50 photographs: 72 runs, no false alarm."""
    found = in_all_ways(config.load([shared_data / "imgcls.toml"]), "photos10")
    assert len(found) == 72
    assert [verdict.message for verdict in found if verdict.status != "pass"] == []
