"""Predictions in order, however many: beyond a few MB they are on disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from imgcls.comparison.words import Words
from imgcls.errors import ConfigError
from imgcls.records.blocks import Blocks
from imgcls.records.comparison import Prediction
from imgcls.records.evaluation import ClassProbability

Row = tuple[int, int, str, bytes | str, int, int, tuple[int, ...], tuple[float, ...]]
"""Model, dataset, path, hash, label, group and classes, texts that repeat as numbers, and the probabilities."""


SHA256_BYTES = 32


class PackedPredictions(Collection[Prediction]):
    """Predictions in order. Read-only; a block of them is in memory at a time.

    ``words``: models, datasets, labels and groups; ``classes``: the index and the name of each class. Rows have their
    numbers.
    """

    def __init__(self, predictions: Iterable[Prediction] = ()) -> None:
        """Consume an iterator; its predictions need not fit into memory. Raises MachineError where the disk is full."""
        self.words, self.classes = Words[str | None](), Words[tuple[int, str]]()
        self.rows = Blocks(map(self._row, predictions))

    def _row(self, prediction: Prediction) -> Row:
        number, number_of_class = self.words.number, self.classes.number
        return (
            number(prediction.model), number(prediction.dataset), prediction.path, packed_hash(prediction.image_sha256),
            number(prediction.label), number(prediction.group),
            tuple([number_of_class((index, name)) for index, name, _ in prediction.top]),
            tuple([probability for _, _, probability in prediction.top]),
        )  # fmt: skip

    def _prediction(self, row: Row) -> Prediction:
        model, dataset, path, sha256, label, group, numbers, probabilities = row
        words, classes = self.words.values, self.classes.values
        top = tuple([ClassProbability(*classes[number], p) for number, p in zip(numbers, probabilities, strict=True)])
        hexadecimal = sha256.hex() if isinstance(sha256, bytes) else sha256
        return Prediction(str(words[model]), str(words[dataset]), path, hexadecimal, words[label], top, words[group])

    def at(self, positions: Iterable[int]) -> Iterator[Prediction]:
        """The predictions at these positions; each block is read once where the positions are sorted."""
        return map(self._prediction, self.rows.at(positions))

    def only(self, rows: Sequence[int]) -> SelectedPredictions:
        """Those of these rows."""
        return SelectedPredictions(self, rows)

    def require_classes(self, file: Path) -> None:
        """Raise ConfigError, about the file that they are from, where one of them is empty."""
        for model, _, path, *_, classes, _ in self.rows:
            if not classes:
                raise ConfigError(f"{file}: the prediction of {self.words.values[model]} for {path} is empty")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Prediction]:
        return map(self._prediction, self.rows)

    def __contains__(self, prediction: object) -> bool:
        return any(prediction == each for each in self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Collection):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by content, of which there may be much


class SelectedPredictions(Iterable[Prediction]):
    """Some of the predictions, which are read each time that they are iterated over."""

    def __init__(self, packed: PackedPredictions, rows: Sequence[int]) -> None:
        self._packed, self._rows = packed, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Prediction]:
        return self._packed.at(self._rows)


def packed_hash(sha256: str) -> bytes | str:
    """Half as long where it is a hash as we write it; other programs may name the bytes in their own way."""
    try:
        packed = bytes.fromhex(sha256)
    except ValueError:
        return sha256
    return packed if packed.hex() == sha256 and len(packed) == SHA256_BYTES else sha256
