"""Models and datasets as an evaluation knows them, without anything loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import stored
from builders import INFO, SPEC
from imgcls.evaluation.pipeline import BatchResult
from imgcls.evaluation.state import DatasetState, ModelState, RemarksByImage
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Images, LabelList, Listing, Matching
from imgcls.records.evaluation import Output
from imgcls.records.runtime import RuntimeChoice

OUTPUT = Output(((0, 1.0), (1, 0.5)), 2.0, (0.5,) * 12)
LABELS = LabelList("two", ("cat", "dog"))


def make_dataset(numbers: Sequence[int], *names: str) -> DatasetState:
    """The images of these numbers, of which the models of these names lack all."""
    state = DatasetState(DatasetSpec("photos", Path("/photos")), names)
    state.list(Listing(Images(stored.images(numbers)), (), 0))
    remarks = RemarksByImage(len(numbers))
    for name in names:
        state.models[name] = make_model(name, remarks=remarks, missing=state.distinct.flags.copy())
    return state


def make_model(name: str = "net", **values: Any) -> ModelState:
    """A model before it is loaded."""
    usual = {
        "info": INFO, "preprocessing": Preprocessing(SPEC, "exact"), "labels": LABELS, "key": stored.KEY, "outputs": 2,
        "matching": Matching({"cat": frozenset({0})}), "choice": RuntimeChoice("eager", 1), "load_seconds": 1.0,
        "compile_seconds": 0.0, "load": lambda: None, "missing": np.zeros(0, bool),
    }  # fmt: skip
    return ModelState(name, **{**usual, **values})


def make_result(numbers: Sequence[int], *names: str, seconds: Mapping[str, float] | None = None) -> BatchResult:
    """The predictions of these models for the images of these numbers."""
    result = BatchResult(len(numbers), seconds=dict(seconds or {}))
    result.outputs = {name: [(image, OUTPUT) for image in stored.images(numbers)] for name in names}
    return result
