"""``imgcls predict``: the best classes of images."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imgcls import documents, messages
from imgcls.cli import arguments, destinations, output, pages
from imgcls.records.comparison import Prediction
from imgcls.records.report import Report, Result
from imgcls.reporting import progress
from imgcls.reporting.presentation import Presentation, terminal_width
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.prediction import IMAGES, Predictions

FORMAT = 1


def add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="print the best classes of images",
        **arguments.examples(
            "imgcls predict cat.jpg --models resnet50",
            "imgcls predict holiday/ --models resnet50,alexnet --topk 3 --csv best.csv",
        ),
    )
    parser.add_argument(
        "paths", nargs="+", type=arguments.local_images, metavar="IMAGE|DIR", help="an image, or a folder of them"
    )
    parser.add_argument("--models", metavar="A,B", help="models of the configuration, or architectures")
    parser.add_argument(
        "--topk", type=arguments.one_to_ten, default=5, metavar="N", help="classes per image, 1 to 10 (default: 5)"
    )
    run_options.add_to_command(parser, "config", "device", "offline", "report")
    destinations.add(parser)
    run_options.add_verbosity(parser)
    parser.set_defaults(command=predict)


def predict(namespace: argparse.Namespace) -> int:
    """Print the best classes of every image by every model, write the documents; the exit code."""
    options = RunOptions.from_namespace(namespace)
    for file in (options.json, options.csv, options.markdown, options.report):
        if file:
            documents.check_writable(file)
    specs = selection.runnable_models(options, options.models)
    with progress.shown(sys.stderr) as shown:  # around the imports, too, which take seconds
        from imgcls.models.pool import ModelPool

        pool = ModelPool({spec.name: spec for spec in specs}, options.scoring_device)
        predictions = Predictions(pool, namespace.paths, shown)
    with closing(predictions):
        from imgcls.reporting import result_document

        report = result_document.build([predictions.outcome], {}, complete=True)
        overall = report.results if any(path.is_dir() for path in namespace.paths) else ()
        best = list(predictions.best(namespace.topk))
        if options.verbosity >= 0:
            _print(report, best, overall, Presentation(terminal_width(), options.verbosity))
        _write(options, report, best, overall)
        if options.report:
            _write_page(options.report, report, list(predictions), namespace.paths)
        return _errors(predictions)


def _print(report: Report, best: list[Prediction], overall: tuple[Result, ...], how: Presentation) -> None:
    from imgcls.reporting import notes, tables

    for title, top in [*_of_images(report, best), *_of_folders(overall)]:
        output.line(title)
        output.line(how.text(tables.best_classes(top)))
    for line in notes.text(report, how):
        output.line(line)


def _of_images(report: Report, best: list[Prediction]) -> Iterator[tuple[str, Any]]:
    """A title and the classes of every image."""
    from imgcls.reporting import text_table

    names = {r.model: text_table.model_name(r.model, untrained=r.untrained) for r in report.results}
    for prediction in best:
        yield f"{messages.spelled(prediction.path)}  {names[prediction.model]}", prediction.top


def _of_folders(overall: tuple[Result, ...]) -> Iterator[tuple[str, Any]]:
    from imgcls.reporting import text_table

    for result in overall:
        if result.overall_top5:
            name = text_table.model_name(result.model, untrained=result.untrained)
            yield f"overall, {messages.counted(result.scored, 'image')}  {name}", result.overall_top5


# Documents.


def _write(options: RunOptions, report: Report, best: list[Prediction], overall: tuple[Result, ...]) -> None:
    """Write what was requested. Raises OSError."""
    from imgcls.reporting import csv_text, markdown_text, tables

    if options.json:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        of_folders = [{"model": r.model, "images": r.scored, "top": r.overall_top5} for r in overall]
        of_images = [{"model": p.model, "path": p.path, "sha256": p.image_sha256, "top": p.top} for p in best]
        head = {"format": FORMAT, "made_at": made_at}
        rest = {"predictions": of_images, "overall": of_folders, "rejections": report.rejections}
        documents.write(options.json, head | rest)
    if options.csv:
        columns = ("model", "path", "place", "class", "name", "probability")
        rows = [(p.model, p.path, place, *of_class) for p in best for place, of_class in enumerate(p.top, 1)]
        documents.write_text(options.csv, csv_text.text(columns, rows))
    if options.markdown:
        blocks = [*_of_images(report, best), *_of_folders(overall)]
        texts = (f"{markdown_text.escaped(t)}\n\n{markdown_text.table(tables.best_classes(top))}" for t, top in blocks)
        documents.write_text(options.markdown, "\n".join(texts))


def _write_page(file: Path, report: Report, best: list[Prediction], paths: list[Path]) -> None:
    """Raises OSError."""
    from imgcls.data import listing
    from imgcls.reporting.html import document, thumbnails

    listed = listing.find_unlabelled(IMAGES, paths)
    images = thumbnails.Images({}, (), {IMAGES: listed.images})
    pages.write(file, document.of_run(report, best), images, {})


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
