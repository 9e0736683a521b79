"""How much a network computes, counted and not timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imgcls.errors import ModelError
from imgcls.messages import one_line


def gmacs(module: Any, shape: tuple[int, int, int]) -> float | None:
    """Thousand million multiply-accumulates for an image of (channels, h, w); None where they cannot be counted.

    Half of what torch's FlopCounterMode counts (matrix products, convolutions and attention, no element-wise work),
    which is what torchvision publishes as ``_ops``. Fused attention is taken apart, because what is fused is not
    counted: a third of ViT-B/16. The module must be in evaluation mode.
    Raises ModelError where it does not take such an image.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    parameter = next(module.parameters(), torch.empty(0))
    image = torch.zeros(1, *shape, device=parameter.device, dtype=parameter.dtype)
    try:
        with torch.inference_mode(), _unfused_attention(), FlopCounterMode(display=False) as counter:
            module(image)
    except (Exception, SystemExit) as error:  # a network may raise anything, and other models go on
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"{type(module).__name__} refuses an image of {shape[1]} x {shape[2]}: {reason}") from error
    return counter.get_total_flops() / 2e9 or None


@contextmanager
def _unfused_attention() -> Iterator[None]:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
