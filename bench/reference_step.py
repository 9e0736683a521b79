"""How long the array EfficientNet takes for a step of training, next to PyTorch's, and where its time goes.

    python bench/reference_step.py [--arch efficientnet_b0] [--sizes 224,64] [--batch 16] [--rounds 5] [--clock cpu]

A step is forward, backward and NAdam, in float32, PyTorch eager. Both take turns in one process, with as many threads
as ``OMP_NUM_THREADS`` states, else one per core. A ratio is that of the medians; with it come the lowest and highest
ratio of one turn. One turn of each before the first is not counted. Where there are a GPU and CuPy, the same step is
timed there, too, next to PyTorch's. Run it while nothing else runs. CPU time, that of all threads, suffers less from
what runs nevertheless; take it with one thread, because PyTorch's threads spend it while they wait.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest import mock

import numpy as np
import torch
from torchvision import models

from imgcls import reference
from imgcls.reference import block, convolution, depthwise, network, optimizers, unit
from imgcls.reference.arrays import namespace
from imgcls.system import machine

SETTINGS: dict[str, Any] = {"lr": 1e-3, "weight_decay": 1e-4, "decoupled_weight_decay": True}
SMOOTHING = 0.1

Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}

TIMED = (
    (convolution, "convolution"),
    (convolution, "input_gradient"),
    (convolution, "weight_gradient"),
    (depthwise, "depthwise"),
    (depthwise, "depthwise_backward"),
)
"""Operations that are timed by their names; all else is timed by the formula that is done channel by channel."""


def main() -> None:
    """Measure what the command line requests, and print it."""
    options = _options()
    torch.set_num_threads(machine.threads())
    versions = f"numpy {np.__version__}, torch {torch.__version__}"
    print(f"{options.arch}, batch {options.batch}, {machine.threads()} threads, {options.clock} time, {versions}")
    for size in options.sizes:
        _compare(options.arch, size, options.batch, options.rounds, CLOCKS[options.clock])
        if torch.cuda.is_available() and find_spec("cupy"):
            _compare_on_gpu(options.arch, size, options.batch, options.rounds)
    _compare_loop(options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="efficientnet_b0")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=[224, 64])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args()


def inputs_of(size: int, batch: int) -> tuple[Any, Any]:
    """Images and class numbers."""
    generator = np.random.default_rng(0)
    return generator.standard_normal((batch, 3, size, size), np.float32), generator.integers(1000, size=batch)


def _compare_on_gpu(arch: str, size: int, batch: int, rounds: int) -> None:
    drawn = inputs_of(size, batch)
    turns = in_turns([torch_step(arch, *drawn, "cuda"), cupy_step(arch, *drawn)], rounds)
    print(f"on the GPU: {_ratio(*turns)}; ms per image {_ms(turns[0], batch)} PyTorch, {_ms(turns[1], batch)} CuPy")


def cupy_step(arch: str, images: Any, labels: Any) -> Callable[[], object]:
    """A step of the array EfficientNet on CuPy, which waits for the device."""
    cupy = import_module("cupy")
    step = array_step(arch, cupy.asarray(images), cupy.asarray(labels))

    def waited() -> None:
        step()
        cupy.cuda.Device().synchronize()

    return waited


def _compare(arch: str, size: int, batch: int, rounds: int, clock: Clock) -> None:
    drawn = inputs_of(size, batch)
    theirs, ours = torch_step(arch, *drawn, "cpu"), array_step(arch, *drawn)
    turns = in_turns([theirs, ours], rounds, clock)
    print(f"\n{size} px: {_ratio(*turns)}; ms per image {_ms(turns[0], batch)} PyTorch, {_ms(turns[1], batch)} NumPy")
    with _timed() as seconds:
        total = _seconds(ours)
    rows = {**seconds, "all else": total - sum(seconds.values())}
    for name, spent in sorted(rows.items(), key=lambda row: -row[1]):
        print(f"  {name:28} {1000 * spent:8.1f} ms {100 * spent / total:5.1f} %")


def torch_step(arch: str, images: Any, labels: Any, device: str) -> Callable[[], object]:
    """A step of torchvision's network, which waits for the device."""
    module = models.get_model(arch).train().to(device)
    optimizer = torch.optim.NAdam(module.parameters(), **SETTINGS)
    inputs, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)

    def step() -> None:
        optimizer.zero_grad()
        criterion(module(inputs), targets).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def array_step(arch: str, images: Any, labels: Any) -> Callable[[], object]:
    """A step of the array EfficientNet on the arrays that it is given."""
    xp, settings = namespace(images), reference.Nadam(**SETTINGS)
    net, state = reference.build(arch, xp=xp), reference.State()
    generator = np.random.default_rng(0)

    def step() -> None:
        nonlocal net, state
        masks = reference.draw(net.architecture, len(images), generator, xp)
        taken = reference.step(net, images, labels, masks=masks, smoothing=SMOOTHING)
        parameters, state = reference.nadam(net.parameters, taken.gradients, state, settings)
        net = net._replace(parameters=parameters, statistics=taken.statistics)

    return step


# One 3 x 3 layer, and the same as a loop over pixels.


def _compare_loop(rounds: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((32, 1, 32, 32), np.float32)
    weight = generator.standard_normal((64, 32, 3, 3), np.float32)
    ours, loop = partial(convolution.convolution, x, weight), partial(_loop, x, weight)
    np.testing.assert_allclose(ours(), loop(), rtol=0, atol=1e-3)
    slow, fast = in_turns([loop, ours], rounds)
    times = statistics.median(slow) / statistics.median(fast)
    print(f"\n3 x 3 convolution, 32 to 64 channels, 32 x 32 pixels: {times:.0f} times as fast as a loop over pixels")


def _loop(x: Any, weight: Any) -> Any:
    channels, n, height, width = x.shape
    padded = np.zeros((channels, n, height + 2, width + 2), x.dtype)
    padded[:, :, 1:-1, 1:-1] = x
    y = np.empty((len(weight), n, height, width), x.dtype)
    for image in range(n):
        for row in range(height):
            for column in range(width):
                window = padded[:, image, row : row + 3, column : column + 3]
                y[:, image, row, column] = (weight * window).sum(axis=(1, 2, 3))
    return y


# Clocks.


def in_turns(
    calls: Sequence[Callable[[], object]], rounds: int, clock: Clock = time.perf_counter
) -> tuple[list[float], ...]:
    """Seconds of each call, taken in turns; the first turn is not counted."""
    turns = [[_seconds(call, clock) for call in calls] for _ in range(1 + rounds)][1:]
    return tuple(list(column) for column in zip(*turns, strict=True))


def _seconds(call: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    begun = clock()
    call()
    return clock() - begun


def _ratio(theirs: list[float], ours: list[float]) -> str:
    ratios = [our / their for their, our in zip(theirs, ours, strict=True)]
    middle = statistics.median(ours) / statistics.median(theirs)
    return f"ours takes {middle:.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f})"


def _ms(seconds: list[float], batch: int) -> str:
    return f"{1000 * statistics.median(seconds) / batch:.1f}"


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Meanwhile the seconds spent in each operation are added up."""
    seconds: defaultdict[str, float] = defaultdict(float)

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arrays: Any) -> Any:
            begun = time.perf_counter()
            result = call(*arrays)
            seconds[name] += time.perf_counter() - begun
            return result

        return wrapped

    def by_channel(call: Callable[..., Any], formula: Any, *arrays: Any) -> Any:
        return timed(getattr(formula, "func", formula).__name__.strip("_"), call)(formula, *arrays)

    with ExitStack() as patches:
        for room, name in TIMED:
            patches.enter_context(mock.patch.object(room, name, timed(name, getattr(room, name))))
        for room in (unit, block, network, optimizers):
            patches.enter_context(mock.patch.object(room, "by_channel", partial(by_channel, room.by_channel)))
        yield seconds


if __name__ == "__main__":
    main()
