"""``imgcls train``: its options, and what it prints."""

from __future__ import annotations

import argparse
import shlex
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import config, progress, recipe
from imgcls.recipe import Epoch, Recipe

if TYPE_CHECKING:
    from imgcls.records import ModelSpec


def add_options(train: argparse.ArgumentParser) -> None:
    """The options of ``imgcls train``, and the function that does it as ``command``."""
    add = train.add_argument
    add("data", metavar="DATA", help="a folder per class; a folder with such folders train and val; or digits")
    add(
        "--arch", required=True, metavar="ARCH",
        help="torchvision:NAME, timm:NAME, or a bare name of either; reference:NAME",
    )  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="where weights, metrics and curves are written")
    add("--epochs", type=int, required=True, metavar="N", help="how often each picture is learnt from")
    add("--resume", action="store_true", help="continue the training in DIR, with the same options")
    _add_network(train)
    _add_pictures(train)
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
        help="what reference:NAME learns with: its own code on NumPy (default) or CuPy, or PyTorch's same network",
    )  # fmt: skip
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where it learns (default: cpu)")
    add(
        "--precision", choices=("float32", "bfloat16", "float16"), default="float32",
        help="of learning, mixed where it is not float32 (default); what is held out is scored in float32",
    )  # fmt: skip


def _add_pictures(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("pictures").add_argument
    add("--folds", type=int, metavar="K", help="hold out one of K equal parts (default: about a fifth)")
    add("--fold", type=int, default=0, metavar="I", help="which of them, counted from 0 (default: 0)")
    usual = Recipe.__dataclass_fields__["scale"].default
    add(
        "--scale", type=float, nargs=2, default=usual, metavar=("MIN", "MAX"),
        help="share of a picture that a random crop shows (default: 0.08 1)",
    )  # fmt: skip
    add("--no-flip", action="store_true", help="do not mirror pictures")
    add("--randaugment", metavar="RULE", help="timm's RandAugment, as in rand-m9-mstd0.5")
    add("--balanced", action="store_true", help="weigh mistakes by how rare a class is")


def _add_learning(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("learning").add_argument
    add("--optimizer", default="nadam", metavar="NAME", help=f"{', '.join(recipe.OPTIMIZERS)} (default: nadam)")
    add(
        "--lr",
        type=float,
        metavar="R",
        help="the highest learning rate (default: 0.001, of sgd 0.05; with trained weights a tenth)",
    )
    add("--weight-decay", type=float, metavar="W", help="default: 0.05, of sgd 0.0001")
    add("--warmup-epochs", type=float, metavar="N", help="until the highest rate (default: a fifth, at most 5)")
    add("--batch-size", type=int, default=32, metavar="N", help="pictures a step (default: 32)")
    add("--label-smoothing", type=float, default=0.1, metavar="S", help="default: 0.1")
    add("--clip-norm", type=float, metavar="L", help="the longest gradient, as in 1.0 (default: any)")
    add("--ema", type=float, metavar="D", help="keep a running average of the weights, with this decay, as in 0.999")
    add("--seed", type=int, default=0, metavar="S", help="the same seed gives the same weights (default: 0)")
    add("--tensorboard", action="store_true", help="also write event files for TensorBoard, into DIR/tensorboard")


def _inline_table(text: str) -> dict[str, Any]:
    """The inside of one of TOML's inline tables, as the configuration has them."""
    try:
        return tomllib.loads(f"table = {{ {text} }}")["table"]  # type: ignore[no-any-return]  # a table is a dict
    except tomllib.TOMLDecodeError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is not like "resize = 32, crop = 32": {error}') from error


def _train(options: argparse.Namespace) -> int:
    asked, spec = _recipe(options), _spec(options)
    from imgcls import train

    stdout = sys.stdout
    bar = progress.shown(sys.stderr) if sys.stderr.isatty() else nullcontext(_unseen)  # elsewhere, epochs are lines
    with bar as shown:

        def say(line: str) -> None:
            # The bar takes sys.stdout to draw itself below what is printed; a pipe or a file is none of its business.
            print(line, file=sys.stdout if stdout.isatty() else stdout, flush=True)

        told = train.Told(
            say,
            lambda epoch: say(_line(epoch, asked.epochs)),
            lambda done, total: shown("training", done, total),
        )
        result = train.train(
            options.data, spec, asked, options.out, told, resume=options.resume, tensorboard=options.tensorboard
        )
    best = result.best
    print(
        f"learnt from {result.learnt} pictures; best of {len(result.history)} epochs is {best.number}: "
        f"top1 {_percent(best.held_out.top1)} of {result.held_out} held out"
    )
    tested = shlex.quote(str(options.out / "imgcls.toml"))
    print(f"test it with: pytest --pyargs imgcls.suite -m accuracy --imgcls-config {tested}")
    return 0


def _unseen(_name: str, _done: int, _total: int) -> None:
    pass


def _recipe(options: argparse.Namespace) -> Recipe:
    """Raises ConfigError."""
    usual = recipe.OPTIMIZERS.get(options.optimizer, recipe.OPTIMIZERS["nadam"])  # Recipe says what is unknown
    rate = recipe.usual_learning_rate(options.optimizer, options.weights)
    return Recipe(
        epochs=options.epochs,
        seed=options.seed,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        learning_rate=rate if options.lr is None else options.lr,
        weight_decay=usual.weight_decay if options.weight_decay is None else options.weight_decay,
        warm_up=recipe.usual_warm_up(options.epochs) if options.warmup_epochs is None else options.warmup_epochs,
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
        array=options.array or ("numpy" if options.arch.startswith("reference:") else "torch"),
        folds=options.folds,
        fold=options.fold,
    )


def _spec(options: argparse.Namespace) -> ModelSpec:
    """Raises ConfigError."""
    from imgcls import resolve

    arch = options.arch if ":" in options.arch else resolve.architecture(options.arch)
    table = {"arch": arch, "options": options.options, "input": options.input}
    return config.model("command line", table | ({"weights": options.weights} if options.weights else {}))


def _line(epoch: Epoch, epochs: int) -> str:
    learnt, held_out = epoch.learnt, epoch.held_out
    return (
        f"epoch {epoch.number} of {epochs}: "
        f"train loss {learnt.loss:.4f} top1 {_percent(learnt.top1)} f1 {_percent(learnt.macro_f1)}, "
        f"validation loss {held_out.loss:.4f} top1 {_percent(held_out.top1)} f1 {_percent(held_out.macro_f1)}, "
        f"rate {epoch.learning_rate:.2e}, {epoch.images_per_second:.1f} images/s"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
