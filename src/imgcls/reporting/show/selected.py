"""The part of a result document that a question is about."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgcls.comparison import compare
from imgcls.comparison.compare import Accepted
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.messages import nearest
from imgcls.records.comparison import Prediction
from imgcls.records.report import Result
from imgcls.reporting.sheet import Values


@dataclass(frozen=True, slots=True)
class Pair:
    """One model on one dataset, with its predictions where the document has them."""

    file: Path
    result: Result
    predictions: Sequence[Prediction] | None

    @property
    def title(self) -> str:
        return f"{self.result.model} on {self.result.dataset}"

    @property
    def key(self) -> dict[str, str]:
        """How rows of documents begin."""
        return {"model": self.result.model, "dataset": self.result.dataset}

    def required_predictions(self) -> Sequence[Prediction]:
        """Raises ConfigError where the document has none."""
        if self.predictions is None:
            raise ConfigError(
                f"{self.file}: it holds no predictions, and this question is about single images; "
                "write it without the option json-summary"
            )
        return self.predictions

    def label_names(self) -> dict[str | None, str]:
        """As :func:`label_names`, of all that this document has."""
        return label_names(self.result.accepted, self.predictions or ())

    def is_right(self, prediction: Prediction) -> bool:
        """Whether the best class is right for the image's folder."""
        return compare.is_right(prediction, self.result.accepted, best=1)


def label_names(accepted: Accepted, predictions: Iterable[Prediction]) -> dict[str | None, str]:
    """The name of the class of each label for which only one is right, as far as predictions have it."""
    names = {index: name for prediction in predictions for index, name, _ in prediction.top}
    return {
        label: names[classes[0]] for label, classes in accepted.items() if len(classes) == 1 and classes[0] in names
    }


def readable(row: Values) -> str:
    """The name of the label's class in a table for people, or else the label."""
    return str(row["label_name"] or row["label"])


def pairs(part: Part, model: str | None, dataset: str | None) -> list[Pair]:
    """The pairs of a document, all or those of a model or a dataset. Raises ConfigError where there is none."""
    results = part.report.results
    if not results:
        raise ConfigError(f"{part.file}: no model was scored in it; write it with imgcls score --json {part.file.name}")
    for what, name, known in (
        ("model", model, dict.fromkeys(result.model for result in results)),
        ("dataset", dataset, dict.fromkeys(result.dataset for result in results)),
    ):
        if name is not None and name not in known:
            raise ConfigError(f"{part.file}: it has no {what} '{name}'{nearest(name, known)}")
    selected = [r for r in results if model in {None, r.model} and dataset in {None, r.dataset}]
    if not selected:
        raise ConfigError(f"{part.file}: {model} was not scored on {dataset} in it")
    return list(_with_predictions(part, selected))


def _with_predictions(part: Part, results: Sequence[Result]) -> Iterator[Pair]:
    by_pair: dict[tuple[str, str], list[Prediction]] = {}
    for prediction in part.predictions or ():
        if not prediction.top:
            raise ConfigError(f"{part.file}: the prediction of {prediction.model} for {prediction.path} is empty")
        by_pair.setdefault((prediction.model, prediction.dataset), []).append(prediction)
    for result in results:
        of_pair = by_pair.get((result.model, result.dataset), [])
        yield Pair(part.file, result, None if part.predictions is None else of_pair)
