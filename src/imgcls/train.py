"""Train a classifier from random weights on a folder per class: a recipe, read top to bottom.

The pictures are decoded and cropped once and stay in memory as bytes; every batch moves each of them a little; NAdam
(T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016) follows a learning rate that warms up and then falls
along a cosine; the network is asked about the held-out pictures after every epoch, which changes nothing; the last
epoch's weights are written. It runs on the CPU, and two runs with the same recipe, machine and library versions
write the same bytes.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from imgcls import digest, digits, images, models, pixels, preprocess
from imgcls.errors import ConfigError, MachineError, ModelError, Undecodable
from imgcls.records import ImageRef, InputSpec, ModelSpec

if TYPE_CHECKING:  # torch takes seconds to import
    import torch

FORMAT: Final = "imgcls-train 1"
_HELD_OUT_SHARE: Final = 5  # one distinct picture in five of each class


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. ``learning_rate`` is the highest, reached after the share ``warm_up`` of all batches.

    ``shift``: how far a picture may move to each side, as a share of that side. ``threads``: sums are added in
    another order, and so end in other bits, where more or fewer threads share the work.
    """

    epochs: int
    seed: int
    batch: int = 32
    learning_rate: float = 0.002
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    warm_up: float = 0.2
    shift: float = 0.0625
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to. ``loss``: the mean over the pictures learnt from; counts are of held-out pictures."""

    number: int
    loss: float
    held_out: int
    top1_count: int


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The file that was written, and how its network did on the pictures it never learnt from."""

    file: Path
    sha256: str
    classes: tuple[str, ...]
    learnt: int
    held_out: int
    top1_count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Part:
    """Pictures in memory: ``crops`` uint8 (n, h, w, 3), ``targets`` int64 (n,)."""

    crops: preprocess.Pixels
    targets: npt.NDArray[np.int64]


def train(
    data: str,
    arch: str,
    *,
    options: Mapping[str, Any],
    spec: InputSpec,
    recipe: Recipe,
    out: Path,
    progress: Callable[[Epoch], None],
) -> TrainResult:
    """Train ``arch`` (``timm:NAME`` or ``torchvision:NAME``, built with ``options``) and write it to ``out``.

    ``data``: a folder per class, or ``"digits"``, the built-in set with its own held-out pictures. Of a folder, one
    distinct picture in five of each class is held out, those with the smallest SHA-256. Class index i is the i-th
    folder in the order of names, of ``digits`` the digit i. ``progress`` is told after every epoch.

    ``out`` becomes a ``.safetensors`` file whose metadata state the format, arch, options, classes, input, recipe and
    versions, the last five as JSON. It is whole or, after any failure, what it was before.

    Raises :class:`ConfigError` for a recipe, an architecture, a folder or a picture that will not do,
    :class:`ModelError` where the network does not take the pictures or its loss is no number any more, and
    :class:`MachineError` where ``out`` cannot be written.
    """
    started = time.perf_counter()
    _require_possible(recipe, out)
    classes, learn, held_out = _parts(data, spec)
    options = _with_head(options, len(classes))
    with _reproducible(recipe):
        network = models.build(ModelSpec("train", arch, options=options))
        for epoch in _epochs(network, learn, held_out, spec, recipe):
            progress(epoch)
    _write(out, _safetensors(network.state_dict(), _about(arch, options, classes, spec, recipe)))
    return TrainResult(
        file=out,
        sha256=digest.file_sha256(out),
        classes=classes,
        learnt=len(learn.targets),
        held_out=epoch.held_out,
        top1_count=epoch.top1_count,
        seconds=time.perf_counter() - started,
    )


def _require_possible(recipe: Recipe, out: Path) -> None:
    """Find out before the training what would only be found out after it."""
    if recipe.epochs < 1:
        raise ConfigError(f"{recipe.epochs} epochs train nothing; ask for 1 or more")
    if not 0 <= recipe.seed < 1 << 63:
        raise ConfigError(f"seed {recipe.seed} is not between 0 and {(1 << 63) - 1}")
    if out.suffix != ".safetensors" or out.is_dir():
        raise ConfigError(f"cannot write weights to {out}: expected the name of a .safetensors file")
    if not out.parent.is_dir():
        raise ConfigError(f"cannot write weights to {out}: there is no folder {out.parent}; make it first")


# The pictures.


def _parts(data: str, spec: InputSpec) -> tuple[tuple[str, ...], _Part, _Part]:
    """The classes in the order of their indices, what is learnt and what is held out."""
    classes: tuple[str, ...] = digits.NAMES
    if data == "digits":
        learn, held_out = (_listed(data, digits.folder(split)) for split in ("train", "test"))
    else:
        found = _listed(data, Path(data))
        classes = _classes(Path(data), found)
        learn, held_out = _split(found)
    return classes, _part(learn, classes, spec), _part(held_out, classes, spec)


def _listed(data: str, folder: Path) -> Sequence[ImageRef]:
    listing = images.find(data, folder)
    images.same_bytes_under_two_labels(listing)
    for rejection in listing.rejections:
        raise _broken(folder / rejection.path, f"{rejection.reason}: {rejection.detail}")
    return listing.images


def _classes(folder: Path, found: Sequence[ImageRef]) -> tuple[str, ...]:
    names = sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if len(names) < 2:
        raise ConfigError(f"{folder} has one class folder, {names[0]}; there is nothing to learn with fewer than two")
    for name in names:
        distinct = len({ref.sha256 for ref in found if ref.label == name})
        if distinct < 2:
            raise ConfigError(
                f"class folder {folder / name} holds {distinct} distinct images; it needs 2, one to learn from and "
                "one to hold out: add some, or remove the folder"
            )
    return tuple(names)


def _split(found: Sequence[ImageRef]) -> tuple[list[ImageRef], list[ImageRef]]:
    """Hold out by bytes, so that no picture is on both sides, whatever it is called and however often it is there."""
    held_out: set[str] = set()
    for label in {ref.label for ref in found}:
        distinct = sorted({ref.sha256 for ref in found if ref.label == label})
        held_out.update(distinct[: max(1, len(distinct) // _HELD_OUT_SHARE)])
    return [ref for ref in found if ref.sha256 not in held_out], [ref for ref in found if ref.sha256 in held_out]


def _part(refs: Sequence[ImageRef], classes: Sequence[str], spec: InputSpec) -> _Part:
    index = {name: number for number, name in enumerate(classes)}
    with pixels.quiet_pillow():
        crops = np.stack([_crop(ref, spec) for ref in refs])
    return _Part(crops, np.array([index[str(ref.label)] for ref in refs]))


def _crop(ref: ImageRef, spec: InputSpec) -> preprocess.Pixels:
    try:
        return preprocess.crop(spec, pixels.decode(images.read(ref)))
    except Undecodable as fault:
        raise _broken(ref.file, str(fault)) from fault


def _broken(file: Path, why: str) -> ConfigError:
    return ConfigError(f"cannot train on {file}: {why}; mend or remove it")


# The training.


@contextmanager
def _reproducible(recipe: Recipe) -> Iterator[None]:
    """Fix everything that changes bits, and put it back as it was."""
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def _with_head(options: Mapping[str, Any], classes: int) -> dict[str, Any]:
    asked = options.get("num_classes", classes)
    if asked != classes:
        raise ConfigError(f"the option num_classes is {asked}, and there are {classes} class folders; leave it out")
    return {**options, "num_classes": classes}


def _epochs(
    network: torch.nn.Module, learn: _Part, held_out: _Part, spec: InputSpec, recipe: Recipe
) -> Iterator[Epoch]:
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    batches = math.ceil(len(learn.targets) / recipe.batch)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    optimizer = torch.optim.NAdam(network.parameters(), rate, weight_decay=decay, decoupled_weight_decay=True)
    # A cycle whose warm-up is under two steps divides by zero or starts at its end; a shorter training ends within one.
    steps = max(recipe.epochs * batches, math.ceil(2 / recipe.warm_up))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=recipe.warm_up, cycle_momentum=False
    )
    for number in range(1, recipe.epochs + 1):
        total = 0.0
        order = torch.randperm(len(learn.targets), generator=generator)
        for chosen in np.array_split(order.numpy(), batches):  # of equal sizes: batch norm needs more than one picture
            pictures = preprocess.normalize(spec, _shifted(learn.crops[chosen], recipe.shift, generator))
            loss = _loss(network, pictures, torch.from_numpy(learn.targets[chosen]), recipe)
            _require_number(loss.item(), number, recipe)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        right = _right(network, held_out, spec, recipe)
        yield Epoch(number, total / len(learn.targets), len(held_out.targets), right)


def _shifted(crops: preprocess.Pixels, share: float, generator: torch.Generator) -> preprocess.Pixels:
    """Move each picture by up to ``share`` of its sides; what comes in from outside repeats the edge."""
    import torch

    count, height, width, _ = crops.shape
    vertical, horizontal = round(share * height), round(share * width)
    padded = np.pad(crops, ((0, 0), (vertical, vertical), (horizontal, horizontal), (0, 0)), "edge")
    top = torch.randint(2 * vertical + 1, (count, 1, 1), generator=generator).numpy()
    left = torch.randint(2 * horizontal + 1, (count, 1, 1), generator=generator).numpy()
    rows, columns = np.arange(height)[:, np.newaxis], np.arange(width)
    moved: preprocess.Pixels = padded[np.arange(count)[:, np.newaxis, np.newaxis], top + rows, left + columns]
    return moved


def _loss(network: torch.nn.Module, pictures: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    import torch

    logits = _logits(network.train(), pictures)
    return torch.nn.functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)


def _right(network: torch.nn.Module, part: _Part, spec: InputSpec, recipe: Recipe) -> int:
    """How many pictures the network puts into their class."""
    import torch

    network.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(part.targets), recipe.batch):
            batch = slice(start, start + recipe.batch)
            logits = _logits(network, preprocess.normalize(spec, part.crops[batch]))
            right += int((logits.argmax(1).numpy() == part.targets[batch]).sum())
    return right


def _logits(network: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    """Ask the network. Raises :class:`ModelError` where it does not take or does not answer such a batch."""
    import torch

    shape = tuple(pictures.shape)
    try:
        logits = network(pictures)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ModelError(
            f"the network does not take a batch of shape {shape}: {error}; "
            "choose the input size that it is built for, or build it for this one with an option such as img_size"
        ) from error
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"the network answers a batch of shape {shape} with {type(logits).__name__}, not with one tensor of "
            "logits; switch its auxiliary heads off with the option aux_logits=false"
        )
    return logits


def _require_number(loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"the loss is {loss} in epoch {epoch} (seed {recipe.seed}, learning rate {recipe.learning_rate}); "
            "try a lower learning rate, another seed, or an input mean and std nearer to those of the pictures"
        )


# The file.


def _about(
    arch: str, options: Mapping[str, Any], classes: Sequence[str], spec: InputSpec, recipe: Recipe
) -> dict[str, str]:
    libraries = ("imgcls", "torch", arch.partition(":")[0], "pillow")
    return {
        "format": FORMAT,
        "arch": arch,
        "options": json.dumps(options),
        "classes": json.dumps(classes),
        "input": json.dumps(asdict(spec)),
        "recipe": json.dumps(asdict(recipe)),
        "versions": json.dumps({name: metadata.version(name) for name in libraries}),
    }


def _safetensors(state: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file, the same for the same content.

    The library writes metadata in an order that changes from process to process, so the header is written again: its
    length (8 bytes, little-endian), then JSON, padded with spaces to a multiple of 8 bytes.
    """
    from safetensors.torch import save

    written = save({name: tensor.contiguous() for name, tensor in state.items()}, dict(about))
    tensors = 8 + int.from_bytes(written[:8], "little")
    header = json.dumps(json.loads(written[8:tensors]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + written[tensors:]


def _write(out: Path, content: bytes) -> None:
    """Write aside, then move: ``out`` never holds half a file."""
    try:
        with tempfile.TemporaryDirectory(prefix=".half-", dir=out.parent) as aside:
            half = Path(aside, out.name)
            half.write_bytes(content)
            half.replace(out)
    except OSError as fault:
        raise MachineError(f"cannot write {out}: {fault.strerror}; make room, or choose another place") from fault
