"""``random:SEED`` weights: one rule that gives an untrained network predictions worth testing.

A tensor is a function of only the seed, its name and its shape: neither the order of the tensors nor the
machine nor a library's version changes a bit of it. Philox words, keyed by a sha256, become odd integers k,
|k| < 2**24, and these become numbers by additions, multiplications, divisions and square roots of IEEE
doubles only, never by a library's distribution or by libm. No network is run to choose a number.

The rule; ``u`` is uniform in (-1, 1) and a filter's variance is its gain over its fan-in:

- A filter that reads more than three channels has its mean subtracted, and gain 2 pi / (pi - 1). What a ReLU
  lets through is positive in every channel, and without this that common part soon drowns what differs between
  two images (at gain 2, GoogLeNet gave 8 photographs the same five). The gain is one over the variance
  1/2 - 1/(2 pi) that a ReLU leaves of a centred unit normal, so that a plain chain neither fades nor grows.
- A filter that reads one to three channels (colours, depthwise) has gain 2 and keeps its mean: nothing is there
  to cancel, and an edge filter in place of each would throw the smooth part of the image away. Gain 2 is
  He et al. 2015, https://arxiv.org/abs/1502.01852, section 2.2.
- Norms (and layer scales) are ``1 + u / 5``, running variances too. From the second norm of a block on, they are
  the smaller the later the block comes in its stage: times ``0.8 / (i + 1)`` in block ``i``, 0.7 where blocks
  are not numbered within stages. A residual stage then grows by a bounded factor however deep it is. With
  ``1 / sqrt(i + 1)``, EfficientNetV2-M's logits had std 2600, and noise of 1e-6 moved one by 3.7 times that.
- The last bias of a squeeze-and-excitation gate is ``2 + u / 50``: gates start nearly open. At 0 each halves
  what it lets through, and in EfficientNet-B0 the image fades below the biases.
- A linear classifier has gain 64, a convolutional one 1024: what was averaged over a map is small, the more so
  if each place had been normalised (BiT). Numbered linear classifiers (AlexNet's three) are plain filters.
- Anything else, biases and tokens and position tables and running means, is ``u / 50``: enough to notice
  when one is lost, too little to decide a prediction.

Worst of 3 seeds times 3 groups of 8 photographs, each network with its own preprocessing, float32 on a CPU. std:
of all logits; first, fives: different best classes, and different sets of five; BGR: sets of five that swapped
channels change; noise: the most that relative noise of 1e-6 on the input moves a logit, in units of std.

    network                 std        first  fives  BGR  noise
    alexnet                 2.3-3.2    7      8      8    2.7e-5
    googlenet               4.7-6.8    5      8      8    5.6e-5
    resnet50                6.2-11.2   5      8      8    1.4e-5
    regnet_y_3_2gf          3.9-7.6    4      8      8    1.1e-5
    vit_base_patch16_224    8.0-8.1    6      8      7    2.8e-5
    tf_efficientnetv2_m     12.6-21.3  3      8      5    3.3e-5
    resnetv2_50x1_bit       3.9-4.2    7      8      7    7.9e-5

Known to be weaker: torchvision's mobilenet_v3_large, efficientnet_b0 and densenet121 (std from 0.7 up),
efficientnet_b0 also in BGR (3), timm's mobilenetv2_100 in first and fives (1 and 6).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgcls.models.weights import tensors

if TYPE_CHECKING:
    import torch


# The numbers of the rule: docs/decisions.md#random-weights
_RULE_VERSION = 1
_LIMIT = 2**24

_CHUNK = 2**16
"""Numbers made at a time, two rows at least: they fit into a core's caches, with 2 MB in addition to the result."""


_CLASSIFIER = re.compile(r"(?:fc|head|head\.fc|heads\.head|classifier)\.weight")
_MAP_CLASSIFIER = re.compile(r"(?:fc|head|head\.fc|classifier(?:\.\d+)?)\.weight")
_GATE_BIAS = re.compile(r"\b(?:se|block\.\d)\.(?:fc2|conv_expand)\.bias$")
_LATER_NORM = re.compile(
    r"(?:\d(?:\.|\.blocks\.|-)(?P<block>\d+)\.)?"  # layer3.5. · blocks.5.10. · stages.2.blocks.4. · block3-7.
    r"\b(?:(?:bn|norm)[2-9]|f\.[bc]\.1|block\.[1-9]\.1)\.weight$"
)


_SCALES = {"weight", "layer_scale", "gamma"}
_STATISTICS = {"running_mean", "running_var"}


def fill(module: torch.nn.Module, seed: int) -> None:
    """Give every parameter, running mean and running variance of ``module`` its value, in place.

    Every other buffer (``num_batches_tracked``, position indices, attention masks) stays as it is.
    """
    import torch

    with torch.no_grad():
        for name, tensor in _weights(module):
            if tensors.is_dense(tensor) and tensor.is_contiguous() and tensor.dtype is torch.float32:
                _write(seed, name, tensor.detach().numpy())
            else:
                tensor.copy_(torch.from_numpy(values(seed, name, tuple(tensor.shape))))


def values(seed: int, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The tensor ``name`` of ``shape`` under ``seed``, as the module's docstring states; float32, C order."""
    array = np.empty(shape, np.float32)
    _write(seed, name, array)
    return array


def _write(seed: int, name: str, array: NDArray[np.float32]) -> None:
    """Put the values of a tensor into its own memory, which is in C order: no second one is needed."""
    shape = array.shape
    middle, reach, centred = _rule(name, shape)
    rows = array.reshape((shape[0], math.prod(shape[1:])) if shape else (1, 1))
    numbers = _philox(seed, name, shape)
    step = 2 * max(1, _CHUNK // 2 // max(1, rows.shape[1]))  # even: only the last chunk leaves half a word over
    for start in range(0, len(rows), step):
        chunk = rows[start : start + step]
        drawn = _odd_integers(numbers, chunk.size).reshape(chunk.shape)
        offset = drawn.sum(axis=1, keepdims=True, dtype=np.int64) / chunk.shape[1] if centred else 0.0
        exact = drawn - offset
        exact *= reach / _LIMIT
        exact += middle
        chunk[:] = exact


def _weights(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    statistics = (pair for pair in module.named_buffers() if _leaf(pair[0]) in _STATISTICS)
    return (pair for pair in chain(module.named_parameters(), statistics) if pair[1].is_floating_point())


def _rule(name: str, shape: tuple[int, ...]) -> tuple[float, float, bool]:
    """The middle, the reach to either side, and whether each filter's own mean is subtracted."""
    leaf = _leaf(name)
    if leaf.endswith("weight") and len(shape) > 1:
        return 0.0, math.sqrt(3 * _gain(name, shape) / math.prod(shape[1:])), shape[1] > 3
    if leaf in _SCALES:
        damping = _damping(name)
        return damping, damping / 5, False
    if leaf == "running_var":
        return 1.0, 0.2, False
    return 2.0 if _GATE_BIAS.search(name) else 0.0, 0.02, False


def _gain(name: str, shape: tuple[int, ...]) -> float:
    if len(shape) == 2 and _CLASSIFIER.fullmatch(name):
        return 64.0
    if len(shape) == 4 and _MAP_CLASSIFIER.fullmatch(name):
        return 1024.0
    return 2 * math.pi / (math.pi - 1) if shape[1] > 3 else 2.0


def _damping(name: str) -> float:
    match = _LATER_NORM.search(name)
    if not match:
        return 1.0
    return 0.8 / (int(match["block"]) + 1) if match["block"] else 0.7


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _philox(seed: int, name: str, shape: tuple[int, ...]) -> np.random.Philox:
    text = f"imgcls random weights {_RULE_VERSION}\n{seed}\n{name}\n{'x'.join(map(str, shape))}"
    return np.random.Philox(key=int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))


def _odd_integers(numbers: np.random.Philox, count: int) -> NDArray[np.int32]:
    """Odd integers in (-2**24, 2**24): the upper 24 bits of each half word, the lower half first."""
    words = numbers.random_raw((count + 1) // 2).astype("<u8", copy=False)
    drawn = (words.view("<u4")[:count] >> 8).view(np.int32)
    drawn *= 2
    drawn += 1 - _LIMIT
    return drawn
