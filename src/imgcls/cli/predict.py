"""``imgcls predict``: the five best classes of images."""

import argparse
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from imgcls import messages
from imgcls.cli import output
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.prediction import Predictions


def add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="print the five best classes of images")
    parser.add_argument("paths", nargs="+", type=Path, metavar="IMAGE|DIR", help="an image, or a folder of them")
    parser.add_argument("--models", metavar="A,B", help="models of the configuration, or architectures")
    run_options.add_to_command(parser, "config", "device")
    parser.set_defaults(command=predict)


def predict(namespace: argparse.Namespace) -> int:
    """Print the five best classes of every image by every model; the exit code."""
    options = RunOptions.from_namespace(namespace)
    specs = selection.requested_models(options.config, options.models)
    from imgcls.models.pool import ModelPool

    pool = ModelPool({spec.name: spec for spec in specs}, options.scoring_device)
    with progress.shown(sys.stderr) as shown:
        predictions = Predictions(pool, namespace.paths, shown)
    with closing(predictions):
        _print(predictions, with_overall=any(path.is_dir() for path in namespace.paths))
        return _errors(predictions)


def _print(predictions: Predictions, *, with_overall: bool) -> None:
    from imgcls.reporting import notes, result_document, tables, text_table

    width = shutil.get_terminal_size().columns
    document = result_document.build([predictions.outcome], {}, complete=True)
    names = {r.model: text_table.model_name(r.model, untrained=r.untrained) for r in document.results}
    for prediction in predictions:
        title = f"{messages.spelled(prediction.path)}  {names[prediction.model]}"
        output.line(tables.five_best(title, prediction.top, width))
    for result in document.results if with_overall else ():
        title = f"overall, {result.scored} images  {names[result.model]}"
        output.line(tables.five_best(title, result.overall_top5, width))
    output.line(notes.text(document, width), end="")


def _errors(predictions: Predictions) -> int:
    """Print what could not be predicted; the exit code."""
    outcome = predictions.outcome
    for rejection in outcome.rejections:
        path, detail = messages.spelled(rejection.path), messages.printable(rejection.detail)
        output.error(f"imgcls: {path}: {rejection.reason}: {detail}")
    models: dict[str, list[str]] = {}
    for pair in outcome.pairs:
        if pair.failure:
            models.setdefault(pair.failure.message, []).append(pair.scores.model)
    for message, names in models.items():
        output.error(f"imgcls: {', '.join(names)}: {message}")
    return sessions.worst_exit_code({1 if outcome.rejections else 0, *sessions.exit_codes([outcome])})
