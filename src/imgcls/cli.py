"""The command ``imgcls``: the same runs as the plugin's, without pytest."""

import argparse
import functools
import io
import shutil
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import (
    bench_compare_command,
    compare_command,
    config,
    profile_command,
    progress,
    score_command,
    train_command,
)
from imgcls.errors import ConfigError, ImgclsError
from imgcls.records import DatasetOutcome, DatasetSpec, Listing

if TYPE_CHECKING:
    from imgcls.store import Store

PREDICTED = "pictures"
"""The name that pictures given to ``predict`` have as a data set."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. What a user can mend is one message, never a traceback."""
    options = parser().parse_args(arguments)
    sys.path.insert(0, str(Path.cwd()))  # where python: factories are, as with python -m
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of few characters shows what it can
            stream.reconfigure(errors="replace")
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ImgclsError as error:
        print(f"imgcls: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"imgcls: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("imgcls: interrupted", file=sys.stderr)
        return score_command.INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line, whose ``command`` is the function that does it."""
    parser = argparse.ArgumentParser("imgcls", description="Test image classifiers the way you test code.")
    parser.add_argument("--version", action="version", version=f"imgcls {metadata.version('imgcls')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_score, _add_compare, _add_bench, _add_profile, _add_predict, _add_train, _add_labels):
        add(commands)
    return parser


def _add_score(commands: Any) -> None:
    score = commands.add_parser("score", help="score every model on every data set and hold them against their gates")
    _add_selection(score)
    score.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where models run (default: cpu)")
    _add_store(score)
    score.add_argument("--json", type=Path, metavar="FILE", help="write the result document to FILE")
    score.add_argument("--json-summary", action="store_true", help="leave the predictions out of the document")
    score.add_argument("--inconclusive", choices=("fail", "warn"), default="fail", help="gates with too few images")
    score.add_argument("--baseline", metavar="FILE|last", help="compare with this saved run, or with the last one")
    _add_comparison(score)
    score.add_argument("--save", type=Path, metavar="FILE", help="keep this run in FILE, as a baseline for later ones")
    score.set_defaults(command=score_command.score)


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser("compare", help="which answers changed between two runs, or differ between models")
    compare.add_argument(
        "sides", nargs="+", metavar="RUN.json|MODEL",
        help="two saved runs; a saved run and models of it; or models of the configuration, or architectures",
    )  # fmt: skip
    _add_selection(compare, models=False)
    compare.add_argument("--data", metavar="DIR|FILE.csv", help="score on these pictures, not on configured data sets")
    compare.add_argument(
        "--labels", default="auto", metavar="HOW|FILE.csv",
        help="how the folders of --data are named: auto (default), wnid, name, index, or a map file",
    )  # fmt: skip
    compare.add_argument("--device", choices=("cpu", "cuda"), help="where models run (default: on what is there)")
    _add_store(compare)
    _add_comparison(compare)
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to FILE")
    compare.add_argument("--markdown", type=Path, metavar="FILE", help="write the table of costs and quality to FILE")
    compare.add_argument("--csv", type=Path, metavar="FILE", help="the same as CSV, with timm's names of columns")
    compare.set_defaults(command=compare_command.compare)


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser(
        "bench-compare", help="is the second slower than the first, beyond the machine's noise?"
    )
    bench.add_argument(
        "sides", nargs=2, metavar="RUN.json|MODEL",
        help="two runs saved by pytest-benchmark, or two models, which are then asked in turn",
    )  # fmt: skip
    bench.add_argument("--effect", type=_share, default=0.05, metavar="0.05", help="the smallest slowdown that matters")
    bench.add_argument("--config", action="append", type=Path, default=[], metavar="FILE", help="configuration")
    bench.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where models run (default: cpu)")
    bench.add_argument("--batch", type=_positive, default=1, metavar="N", help="pictures at a time (default: 1)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to FILE")
    bench.set_defaults(command=bench_compare_command.bench_compare)


def _add_profile(commands: Any) -> None:
    profile = commands.add_parser("profile", help="which operators a model spends its time and memory on")
    profile.add_argument("model", metavar="MODEL", help="a model of the configuration, or an architecture")
    profile.add_argument("--config", action="append", type=Path, default=[], metavar="FILE", help="configuration")
    profile.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where it runs (default: cpu)")
    profile.add_argument("--batch", type=_positive, default=1, metavar="N", help="pictures at a time (default: 1)")
    profile.add_argument("--repeats", type=_positive, default=5, metavar="N", help="profiled calls (default: 5)")
    profile.add_argument("--sort", choices=("time", "memory"), default="time", help="by self time (default) or memory")
    profile.add_argument("--json", type=Path, metavar="FILE", help="write all operators to FILE")
    profile.add_argument(
        "--trace", type=Path, metavar="FILE", help="write the last call's timeline for chrome://tracing"
    )
    profile.add_argument("--against", type=Path, metavar="FILE", help="what moved since the profile that --json wrote")
    profile.set_defaults(command=profile_command.profile)


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="print the five best classes of pictures")
    predict.add_argument("paths", nargs="+", type=Path, metavar="IMAGE|DIR", help="a picture, or a folder of them")
    predict.add_argument("--models", type=_names, metavar="A,B", help="models of the configuration, or architectures")
    predict.add_argument("--config", action="append", type=Path, default=[], metavar="FILE", help="configuration")
    predict.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where models run (default: cpu)")
    predict.set_defaults(command=_predict)


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train an architecture on folders of pictures")
    train_command.add_options(train)


def _add_labels(commands: Any) -> None:
    labels = commands.add_parser("labels", help="folders and classes").add_subparsers(required=True, metavar="COMMAND")
    check = labels.add_parser("check", help="do the folders of every data set meet the classes of every model?")
    _add_selection(check)
    check.set_defaults(command=_check_labels)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="DIR|off", help="where predictions are kept (default: .imgcls), or off")
    parser.add_argument(
        "--trust-mtime", action="store_true",
        help="do not hash files again whose size, modification time and inode are as they were",
    )  # fmt: skip


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compare-fail", action="append", default=[], metavar="top1:0.005",
        help="fail where it is not shown that the second is at most this much worse than the first (a fraction)",
    )  # fmt: skip
    parser.add_argument(
        "--compare-common", action="store_true", help="leave aside images that only one run has, instead of failing"
    )


def _add_selection(parser: argparse.ArgumentParser, *, models: bool = True) -> None:
    parser.add_argument(
        "--config", action="append", type=Path, default=[], metavar="FILE",
        help="configuration instead of the imgcls.toml or [tool.imgcls] in reach; may be given several times",
    )  # fmt: skip
    if models:
        parser.add_argument("--models", type=_names, metavar="A,B", help="only these models of the configuration")
    parser.add_argument("--datasets", type=_names, metavar="X,Y", help="only these data sets of the configuration")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _share(text: str) -> float:
    """A fraction above 0, as in 0.05."""
    with suppress(ValueError):
        if 0 < (value := float(text)) < 1:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a fraction between 0 and 1, as in 0.05")


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")


def _predict(options: argparse.Namespace) -> int:
    from imgcls import images, run
    from imgcls.models import Shelf
    from imgcls.store import Store

    specs = score_command.asked_models(options.config, options.models)
    shelf, number = Shelf({spec.name: spec for spec in specs}, options.device), uuid.uuid4().hex
    pictures = DatasetSpec(PREDICTED, Path())
    with closing(Store(None)) as store:
        with progress.shown(sys.stderr) as told:
            outcome = run.score(
                number, pictures, list(shelf.specs), shelf, store, told,
                find=lambda _: images.find_unlabelled(PREDICTED, options.paths),
            )  # fmt: skip
        _print_predictions(store, number, outcome, with_overall=any(path.is_dir() for path in options.paths))
    return _complaints(outcome)


def _print_predictions(store: "Store", number: str, outcome: DatasetOutcome, *, with_overall: bool) -> None:
    from imgcls import report, tables

    width = shutil.get_terminal_size().columns
    for prediction in report.predictions(store, number, [outcome]):
        print(tables.five_best(f"{prediction.path}  {prediction.model}", prediction.top, width))
    for result in report.build([outcome], {}, complete=True).results if with_overall else ():
        title = f"overall, {result.scored} pictures  {result.model}"
        print(tables.five_best(title, result.overall_top5, width))


def _complaints(outcome: DatasetOutcome) -> int:
    """Print what could not be predicted; the exit code."""
    for rejection in outcome.rejections:
        print(f"imgcls: {rejection.path}: {rejection.reason}: {rejection.detail}", file=sys.stderr)
    failures = [pair for pair in outcome.pairs if pair.failure]
    for pair in failures:
        print(f"imgcls: {pair.scores.model}: {pair.failure and pair.failure.message}", file=sys.stderr)
    if not (outcome.rejections or failures or outcome.pairs[0].scores.scored):
        raise ConfigError("there is no picture in what was given")
    return score_command.gravest({1 if outcome.rejections else 0, *score_command.codes([outcome])})


def _check_labels(options: argparse.Namespace) -> int:
    settings = config.select(score_command.settings(options.config), options.models, options.datasets)
    from imgcls import resolve, run

    @functools.cache
    def listing(dataset: str) -> Listing:
        return run.listing(settings.datasets[dataset])

    codes = set()
    for dataset, names in settings.models_by_dataset().items():
        for model in names:
            try:
                classes = resolve.label_list(settings.models[model])
                matching = run.matching(settings.datasets[dataset], listing(dataset), classes)
            except ImgclsError as error:
                print(f"FAIL {model} on {dataset}: {error}")
                codes.add(error.exit_code)
                continue
            right = len(frozenset().union(*matching.accepted.values()))
            ignored = f", {matching.ids_ignored} ids of the map are not among them" if matching.ids_ignored else ""
            found = f"{len(matching.accepted)} folders, {right} classes of {classes.source}{ignored}"
            print(f"ok   {model} on {dataset}: {found}")
    return score_command.gravest(codes)
