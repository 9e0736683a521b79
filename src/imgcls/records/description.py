"""What is known of a model that is not loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What is known of a model without loading it: all of it but the network.

    ``labels``: its classes. ``options``: those that it was built with. ``identity``: what its predictions depend on,
    see :mod:`imgcls.models.identity`. ``outputs``: the number of its logits, where its layers state it.
    """

    info: ModelInfo
    labels: LabelList
    options: Mapping[str, Any]
    identity: Mapping[str, Any]
    outputs: int | None = None
