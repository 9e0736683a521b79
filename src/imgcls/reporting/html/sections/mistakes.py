"""The mistakes that a model was most certain of, with its five best classes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from imgcls.records.comparison import Prediction
from imgcls.reporting.html.scored import Scored
from imgcls.reporting.html.view import View

SHOWN, CARDS = 24, 300  # docs/decisions.md#images-in-a-report
"""The most mistakes of a model on a dataset that have a card, and of all together."""


@dataclass(frozen=True, slots=True)
class Card:
    """A wrong prediction; ``number``: of the image's row, where it has one."""

    prediction: Prediction
    number: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """The mistakes of one model on one dataset; ``total``: all of them."""

    scored: Scored
    cards: tuple[Card, ...]
    total: int


def context(view: View) -> dict[str, Any] | None:
    cards = min(SHOWN, max(1, CARDS // max(1, len(view.pairs))))
    groups = [_group(view, scored, cards) for scored in view.pairs.values() if len(scored)]
    return {"groups": groups} if groups else None


def _group(view: View, scored: Scored, cards: int) -> Group:
    shown = scored.at(list(islice(scored.mistakes(), cards)))
    return Group(scored, tuple(_card(view, p) for p in shown), int(scored.is_mistake.sum()))


def _card(view: View, prediction: Prediction) -> Card:
    row = view.row(prediction.dataset, prediction.path, prediction.label)
    return Card(prediction, row.number if row else None)
