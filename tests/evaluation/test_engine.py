"""imgcls.evaluation.engine: what this process does with models and images, and what any other engine has to do."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stored
from builders import INFO
from imgcls.errors import ImgclsError, ModelError
from imgcls.evaluation import pipeline
from imgcls.evaluation.engine import Engine, Here
from imgcls.evaluation.pipeline import BatchResult
from imgcls.evaluation.state import ModelState
from imgcls.evaluation.todo import Todo
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Images
from scoring_states import make_model, make_result

DATASET = DatasetSpec("photos", Path("/photos"))


class Loaded:
    """What a model loads, as much of it as is looked at."""

    def __init__(self, *, concurrent: bool = False) -> None:
        self.concurrent = concurrent


def _todo(models: Sequence[ModelState]) -> Todo:
    return Todo(Images(stored.images(range(9))), {model.name: np.ones(9, bool) for model in models})


def _results(
    models: Sequence[ModelState], results: Sequence[BatchResult], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[BatchResult, Sequence[bool]]]:
    """What an engine makes of the pipeline's results, each with which models are stopped before the next one."""
    stopped: list[bool] = []

    def batch_results(todo: Todo, stages: Any, *_: object) -> Iterator[BatchResult]:
        assert len(todo) == 9
        for result in results:
            yield result
            stopped[:] = [stage.stopped for stage in stages]

    monkeypatch.setattr(pipeline, "batch_results", batch_results)
    engine: Engine = Here()
    for result in engine.batch_results(_todo(models), models, DATASET):
        yield result, list(stopped)


def test_a_model_that_failed_is_not_run_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are, and once all have failed nothing more is begun."""
    models = [make_model(name, classifier=Loaded()) for name in ("ill", "well")]
    results = [make_result([number], "well") for number in range(4)]
    results[0].failures["ill"] = results[1].failures["ill"] = ModelError("ill")
    results[2].failures["well"] = ModelError("ill, too")
    assert [stopped for _, stopped in _results(models, results, monkeypatch)] == [[], [True, False], [True, False]]


def test_seconds_are_those_of_all_workers_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that several threads run at once takes a part of what each of them clocks."""
    monkeypatch.setattr(pipeline, "threads", lambda: 4)
    models = [make_model("one", classifier=Loaded()), make_model("four", classifier=Loaded(concurrent=True))]
    [(result, _)] = _results(models, [make_result([1], seconds={"one": 2.0, "four": 2.0})], monkeypatch)
    assert result.seconds == {"one": 2.0, "four": 0.5}


def _failing() -> Any:
    raise ModelError("no such file")


def _errors(errors: Mapping[str, ImgclsError]) -> Mapping[str, str]:
    return {name: str(error) for name, error in errors.items()}


def test_models_are_loaded_when_they_have_to_be_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be loaded, or that does not run, is an error by its name; the seconds are the model's own."""
    compiled = replace(INFO, runtime="openvino")
    models = [
        make_model("sound", load=Loaded),
        make_model("gone", load=_failing),
        make_model("warm", load=Loaded, info=compiled),
        make_model("ill", load=Loaded, info=compiled),
    ]
    warm_ups = iter([10, ModelError("it does not compile")])
    monkeypatch.setattr(pipeline, "warm_up", _taking_turns(warm_ups))
    assert _errors(Here().ready(models)) == {"gone": "no such file", "ill": "it does not compile"}
    assert [isinstance(model.classifier, Loaded) for model in models] == [True, False, True, True]
    assert all(model.load_seconds > 1.0 for model in models if model.name != "gone")
    assert [model.compile_seconds > 0 for model in models] == [False, False, True, True]


def test_what_is_ready_is_so_in_the_thread_that_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all passes over a dataset, since what a GPU's libraries prepare at a first call belongs to its thread."""
    singles: list[ThreadPoolExecutor] = []

    def noting(*arguments: Any) -> Iterator[BatchResult]:
        singles.append(arguments[2])
        results: tuple[BatchResult, ...] = ()
        return (result for result in results)

    monkeypatch.setattr(pipeline, "get_ready", noting)
    monkeypatch.setattr(pipeline, "batch_results", noting)
    model = make_model(load=Loaded, info=replace(INFO, runtime="openvino"))
    engine = Here()
    for _ in range(2):
        engine.ready([model])
        assert not list(engine.batch_results(_todo([model]), [model], DATASET))
    threads = {single.submit(threading.get_ident).result() for single in singles}
    assert (len(singles), len(threads)) == (4, 1)


def _taking_turns(results: Iterator[Any]) -> Callable[..., Any]:
    def call(*_: object) -> Any:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    return call
