"""What the sections of a report show: one run, its images, and which of them have a thumbnail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from imgcls.records.report import Report
from imgcls.reporting.html import text
from imgcls.reporting.html.scored import ImageKey, Pair, Scored
from imgcls.reporting.html.selection import Selection, Shown

if TYPE_CHECKING:
    from imgcls.training.history import Epoch


@dataclass(frozen=True, slots=True)
class Training:
    """The training that a model's weights are from; ``recipe``: how it trained, by key. ``seconds``: of each epoch."""

    model: str
    recipe: Mapping[str, Any]
    epochs: tuple[Epoch, ...]
    seconds: tuple[float, ...]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        from imgcls.training import history

        return history.best(self.epochs)


@dataclass(frozen=True)
class View:
    """``thumbnails``: the names of those that are in the page, by hash. ``notes``: why images are missing.

    ``trainings``: those that the weights are from.
    """

    report: Report
    pairs: Mapping[Pair, Scored]
    selection: Selection
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    trainings: Sequence[Training] = ()

    @cached_property
    def rows(self) -> Mapping[ImageKey, Shown]:
        """The images that have a row of their own."""
        return {(shown.dataset, shown.path, shown.label): shown for shown in self.selection.images}

    def row(self, dataset: str, path: str, label: str | None) -> Shown | None:
        return self.rows.get((dataset, path, label))

    @property
    def datasets(self) -> list[str | None]:
        """The datasets of the results; None stands for what was only measured."""
        names: list[str | None] = list(dict.fromkeys(result.dataset for result in self.report.results))
        return names or [None]

    def label(self, dataset: str, label: str | None) -> Markup:
        """A folder, with the name of its class where it has one other than its own."""
        if label is None:
            return Markup("none")
        title = self._class_names.get((dataset, label))
        return text.name(label) if title in {None, label} else Markup(f"{text.name(label)} ({text.name(title)})")  # noqa: S704 - both are escaped

    @cached_property
    def _class_names(self) -> Mapping[tuple[str, str], str]:
        """The name of the only class that is right for a folder, where a prediction has it."""
        names: dict[tuple[str, str], str] = {}
        for (_, dataset), scored in self.pairs.items():
            for label, right in scored.result.accepted.items():
                if len(right) == 1 and right[0] in scored.class_names:
                    names.setdefault((dataset, label), scored.class_names[right[0]])
        return names
