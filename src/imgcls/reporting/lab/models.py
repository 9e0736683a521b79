"""Where each model comes from, and how images become its input."""

from __future__ import annotations

from collections.abc import Iterator

from imgcls.records.config import BuiltinWeights, ModelSpec, RandomWeights, WeightsFile
from imgcls.reporting import markdown_text, notes
from imgcls.reporting.lab import marks
from imgcls.reporting.lab.contents import Contents

PUBLISHERS = ("torchvision", "timm", "torchhub", "transformers")

COLUMNS = ("model", "architecture", "classes", "million parameters", "runtime", "precision")


def blocks(contents: Contents) -> Iterator[str]:
    """A table of the models, and how the images become their input."""
    rows = (
        (
            contents.name(result.model),
            contents.specs[result.model].arch,
            str(result.class_count or "-"),
            "-" if result.param_count is None else f"{result.param_count:.2f}",
            str(result.runtime),
            str(result.precision),
        )
        for result in contents.results
    )
    yield marks.table(COLUMNS, (*COLUMNS[:2], *COLUMNS[4:]), rows)
    yield markdown_text.items(_weights(contents))
    yield "How an image becomes the input of each model, and what else is to be known:\n"
    yield markdown_text.items(notes.lines(contents.report))


def _weights(contents: Contents) -> Iterator[str]:
    for result in contents.results:
        sha256 = f", sha256 {result.weights_file_sha256}" if result.weights_file_sha256 else ""
        yield f"Weights of {contents.name(result.model)}: {weights(contents.specs[result.model])}{sha256}"


def weights(spec: ModelSpec) -> str:
    """Where the weights of a model come from, in words that are true on every machine."""
    source = spec.weights_source
    if isinstance(source, RandomWeights):
        return f"random:{source.seed}, untrained"
    if isinstance(source, WeightsFile):
        return source.path.name
    if isinstance(source, BuiltinWeights):
        return f"builtin:{source.name}"
    publisher = spec.architecture.source
    if publisher not in PUBLISHERS:
        return "those that the architecture comes with"
    return f"published by {publisher}{f' as {source.tag}' if source.tag else ''}"
