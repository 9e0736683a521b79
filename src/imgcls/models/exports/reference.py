"""An export as a model of its own, which takes the same tensors as the reference and has the same classes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from imgcls import hashing
from imgcls.data import class_lists
from imgcls.errors import ConfigError
from imgcls.models import inputs, loader
from imgcls.models.exports import cached
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry
from imgcls.records.config import ExportSpec, InputSpec, ModelSpec
from imgcls.records.data import LabelList

_WORDS = {name: word for word, name in class_lists.IMAGENET_SUBSETS.items()}


def model_spec(export: ExportSpec, model: ModelSpec, path: Path) -> ModelSpec:
    """The model ``MODEL/EXPORT`` of an export whose file is at ``path``.

    Raises what loading the reference raises where only the network itself states its input, and ConfigError where that
    is a function of its own.
    """
    input_spec, labels = _stated(export, model)
    return ModelSpec(
        name=f"{model.name}/{export.name}",
        arch=f"{export.format}:{path}",
        labels=_label_setting(model, labels),
        datasets=model.datasets,
        decode="exact",
        input={**_settings(input_spec), **export.input},
        folder=model.folder,
        layout=export.layout,
        returns=export.returns,
        trust=export.trust or export.path is None,
        output=export.output,
    )


def _stated(export: ExportSpec, model: ModelSpec) -> tuple[InputSpec, LabelList]:
    """The input and the classes of the reference, loading it only where nothing else states them."""
    stated = inputs.stated(model)
    is_open = stated is None or (stated.channels == 1 and sources.of(model).channels(model) is None)
    labels = registry.label_list(model)
    if is_open or labels == class_lists.UNSTATED:
        loaded = loader.load(replace(model, runtime="auto", precision="float32"), "cpu")
        stated, labels = loaded.input, loaded.labels
    assert stated is not None  # noqa: S101 - a loaded model has one
    if stated.function is not None and not export.input:
        raise ConfigError(
            f"{model.name}/{export.name}: the network has a preprocessing of its own, which its file does not hold: "
            "give resize, crop, interpolation, mean and std as `input` of the export"
        )
    return stated, labels


def _settings(spec: InputSpec) -> dict[str, object]:
    """All keys of an input, as a configuration may give them."""
    return {key: value for key, value in asdict(spec).items() if key != "function"}


def _label_setting(model: ModelSpec, labels: LabelList) -> Path | str | None:
    """What ``labels`` of a model is for these classes: its own setting, a word, or a file that lists them."""
    if model.labels is not None or labels == class_lists.UNSTATED:
        return model.labels
    if labels.source in _WORDS and labels == class_lists.imagenet(labels.source):
        return _WORDS[labels.source]
    if labels.source in {"digits", "folders"}:
        return labels.source
    return _written(labels)


def _written(labels: LabelList) -> Path:
    """A file of these classes, for as long as the process lives."""
    names = (
        labels.names
        if labels.wnids is None
        else [[wnid, name] for wnid, name in zip(labels.wnids, labels.names, strict=True)]
    )
    text = json.dumps(names)
    file = cached.home(None) / f"classes-{hashing.of_json(names)[:16]}.json"
    if not file.exists():
        file.write_text(text, encoding="utf-8")
    return file
