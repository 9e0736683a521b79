"""A CUDA device on any machine: tensors with devices, types and shapes, which operators check, and without values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from imgcls.preprocessing import transforms


def _sent(arrays: Sequence[np.ndarray], device: str) -> torch.Tensor:
    """In place of NumPy's copy: there is no memory to copy into."""
    kind = getattr(torch, arrays[0].dtype.name)
    return torch.zeros((len(arrays), *arrays[0].shape), dtype=kind).to(device)


@contextmanager
def fake_cuda() -> Iterator[None]:
    """While it is open, every tensor that is made is of this kind, on the host too; an operator may not mix the two."""
    transforms._constants.cache_clear()
    try:
        not_pinned = mock.patch.object(torch.Tensor, "pin_memory", lambda self: self)
        with FakeTensorMode(), not_pinned, mock.patch.object(transforms, "sent", _sent):
            yield
    finally:
        transforms._constants.cache_clear()  # of a real device they have values
