"""The metrics of one epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgcls.training import epoch


def test_the_loss_of_the_validation_split_is_cross_entropy() -> None:
    """The loss is PyTorch's cross-entropy, also of logits in the thousands."""
    logits = np.array([[-3000.0, 0.0, 3000.0], [1.0, 2.0, 0.5]], np.float32)
    targets = np.array([1, 1])
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(targets))
    assert epoch._cross_entropy(logits, targets) == pytest.approx(expected.item())


def test_batches_add_up_to_the_metrics_of_a_split() -> None:
    """Losses are weighted by the images of their batches; a class that is never predicted counts as 0 in macro F1."""
    tally = epoch._Tally(3)
    tally.add(1.0, np.eye(3, dtype=np.float32)[[0, 0]], np.array([0, 1]))
    tally.add(4.0, np.eye(3, dtype=np.float32)[[0]], np.array([0]))
    metrics = tally.metrics()
    assert tally.count == 3
    assert (metrics.loss, metrics.top1, metrics.macro_f1) == pytest.approx((2.0, 2 / 3, 0.8 / 3))
