"""``imgcls train``: its options, and what it prints."""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import messages
from imgcls.cli import arguments, output
from imgcls.errors import WeightsMissing
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.system import devices
from imgcls.training import config

if TYPE_CHECKING:
    from imgcls.records.config import ModelSpec
    from imgcls.training.history import Epoch
    from imgcls.training.trainer import TrainingCallbacks, TrainingResult


def add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train an architecture on folders of images",
        **arguments.examples(
            "imgcls train photos/ --arch efficientnet_b0 --epochs 30 --out runs/b0",
            "imgcls train photos/ --arch resnet50 --weights pretrained --epochs 5 --out r50",
        ),
    )
    add_options(parser)


def add_options(train: argparse.ArgumentParser) -> None:
    """The options of ``imgcls train``, and the function that does it as ``command``."""
    add = train.add_argument
    add("data", metavar="DATA", help="a folder per class; a folder with such folders train and val; or builtin:digits")
    add(
        "--arch", required=True, metavar="ARCH",
        help="torchvision:NAME, timm:NAME, or a bare name of either; reference:NAME",
    )  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="where weights, metrics and curves are written")
    add("--epochs", type=int, required=True, metavar="N", help="how often each image is trained on")
    add("--resume", action="store_true", help="continue the training in DIR, with the same options")
    run_options.add_to_command(train, "offline")
    run_options.add_quiet(train)
    _add_network(train)
    _add_images(train)
    _add_learning(train)
    train.set_defaults(command=_train)


def _add_network(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("network").add_argument
    add(
        "--weights", metavar="WEIGHTS",
        help="begin with these: pretrained, a published tag, a file, random:SEED or builtin:NAME (default: scratch)",
    )  # fmt: skip
    add("--options", type=_inline_table, default={}, metavar="KEYS", help='for the architecture, as in "img_size = 32"')
    add("--input", type=_inline_table, default={}, metavar="KEYS", help='as in "resize = 32, crop = 32"')
    add("--freeze-batch-norm", action="store_true", help="batch norms keep the statistics they begin with")
    add(
        "--array", choices=("numpy", "cupy", "torch"),
        help="what reference:NAME trains with: its own code on NumPy (default) or CuPy, or PyTorch's same network",
    )  # fmt: skip
    add("--device", choices=tuple(devices.DEVICES), default="cpu", help="where it trains (default: cpu)")
    add(
        "--precision", choices=("float32", "bfloat16", "float16"), default="float32",
        help="of training, mixed where it is not float32 (default); validation is in float32",
    )  # fmt: skip


def _add_images(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("images").add_argument
    add("--folds", type=int, metavar="K", help="validate on one of K equal parts (default: about a fifth)")
    add("--fold", type=int, default=0, metavar="I", help="which of them, counted from 0 (default: 0)")
    add(
        "--scale", type=float, nargs=2, metavar=("MIN", "MAX"),
        default=config.TrainingConfig.__dataclass_fields__["scale"].default,
        help="share of an image that a random crop shows (default: 0.08 1)",
    )  # fmt: skip
    add(
        "--max-rejected", type=_tolerance, default=0, metavar="N",
        help="go on without up to this many files that give no image, or this share of all, as 0.01 (default: 0)",
    )  # fmt: skip
    add("--no-flip", action="store_true", help="do not mirror images")
    add("--randaugment", metavar="RULE", help="timm's RandAugment, as in rand-m9-mstd0.5")
    add("--balanced", action="store_true", help="weigh mistakes by how rare a class is")


def _add_learning(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("learning").add_argument
    add("--optimizer", default="nadam", metavar="NAME", help=f"{', '.join(config.OPTIMIZERS)} (default: nadam)")
    add(
        "--lr", type=float, metavar="R",
        help="the highest learning rate (default: 0.001, of sgd 0.05; with trained weights a tenth)",
    )  # fmt: skip
    add("--weight-decay", type=float, metavar="W", help="default: 0.05, of sgd 0.0001")
    add("--warmup-epochs", type=float, metavar="N", help="until the highest rate (default: a fifth, at most 5)")
    add("--batch-size", type=int, default=32, metavar="N", help="images per step (default: 32)")
    add("--label-smoothing", type=float, default=0.1, metavar="S", help="default: 0.1")
    add("--clip-norm", type=float, metavar="L", help="the longest gradient, as in 1.0 (default: any)")
    add("--ema", type=float, metavar="D", help="keep a running average of the weights, with this decay, as in 0.999")
    add("--seed", type=int, default=0, metavar="S", help="the same seed gives the same weights (default: 0)")
    add("--tensorboard", action="store_true", help="also write event files for TensorBoard, into DIR/tensorboard")


def _inline_table(text: str) -> dict[str, Any]:
    """The inside of one of TOML's inline tables, as in the configuration."""
    try:
        return tomllib.loads(f"table = {{ {text} }}")["table"]  # type: ignore[no-any-return]  # a table is a dict
    except tomllib.TOMLDecodeError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is not like "resize = 32, crop = 32": {error}') from error


def _tolerance(text: str) -> float:
    """A whole number of files, or a share of them."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of files or a share of them") from error


def _train(options: argparse.Namespace) -> int:
    spec, training_config = _requested(options)
    from imgcls.training import trainer

    with _printed(training_config.epochs) as callbacks:
        result = trainer.train(
            options.data, spec, training_config, options.out, callbacks,
            resume=options.resume, tensorboard=options.tensorboard, max_rejected=options.max_rejected,
        )  # fmt: skip
    output.line(_summary(result))
    tested = shlex.quote(str(options.out / "imgcls.toml"))
    output.line(f"test it with: pytest --pyargs imgcls.suite -m accuracy --imgcls-config {tested}")
    return 0


def _requested(options: argparse.Namespace) -> tuple[ModelSpec, config.TrainingConfig]:
    """The model and the training configuration of a command line. Raises ConfigError."""
    training_config = config.with_defaults(
        options.arch,
        options.weights,
        epochs=options.epochs,
        seed=options.seed,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        learning_rate=options.lr,
        weight_decay=options.weight_decay,
        warm_up=options.warmup_epochs,
        label_smoothing=options.label_smoothing,
        scale=tuple(options.scale),
        flip=not options.no_flip,
        randaugment=options.randaugment,
        balanced=options.balanced,
        freeze_batch_norm=options.freeze_batch_norm,
        ema=options.ema,
        clip_norm=options.clip_norm,
        precision=options.precision,
        device=options.device,
        array=options.array,
        folds=options.folds,
        fold=options.fold,
    )
    from imgcls.training import finetune  # heavy, and needless where the configuration is refused

    spec = finetune.model_spec("command line", options.arch, options.weights, options.options, options.input)
    spec = replace(spec, access=replace(spec.access, model=spec.arch, offline=options.offline))
    if options.weights:
        from imgcls.models.weights import early

        if absence := early.absence(spec):
            raise WeightsMissing(f"{absence}; a training begins with a copy by --weights FILE")
    return spec, training_config


@contextmanager
def _printed(epochs: int) -> Iterator[TrainingCallbacks]:
    """Callbacks that print lines to stdout and, where stderr is a terminal, draw a bar there."""
    from imgcls.training.trainer import TrainingCallbacks

    stdout = sys.stdout
    bar = progress.shown(sys.stderr) if sys.stderr.isatty() else nullcontext(_ignore)
    with bar as update:

        def message(line: str) -> None:
            # The bar replaces sys.stdout to draw itself below what is printed; a pipe or a file does not need that.
            output.line(line, stream=sys.stdout if stdout.isatty() else stdout)

        yield TrainingCallbacks(
            message,
            lambda epoch: message(_line(epoch, epochs)),
            lambda done, total: update("training", done, total),
        )


def _ignore(_name: str, _done: int, _total: int) -> None:
    pass


def _summary(result: TrainingResult) -> str:
    best = result.best
    return (
        f"trained on {messages.counted(result.train_images, 'image')}; "
        f"the best of {messages.counted(len(result.history), 'epoch')} is {best.number}: "
        f"top1 {_percent(best.validation.top1)} of {messages.counted(result.validation_images, 'validation image')}; "
        f"{statistics.median(epoch.seconds for epoch in result.history):.1f} s per epoch"
    )


def _line(epoch: Epoch, epochs: int) -> str:
    train, validation = epoch.train, epoch.validation
    return (
        f"epoch {epoch.number} of {epochs}: "
        f"train loss {train.loss:.4f} top1 {_percent(train.top1)} f1 {_percent(train.macro_f1)}, "
        f"validation loss {validation.loss:.4f} top1 {_percent(validation.top1)} f1 {_percent(validation.macro_f1)}, "
        f"rate {epoch.learning_rate:.2e}, {epoch.images_per_second:.1f} images/s, {epoch.seconds:.1f} s"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
