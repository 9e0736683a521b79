"""``imgcls score``: the plugin's run without pytest, its table, its verdicts and its exit code."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.cli import arguments, output
from imgcls.config import discovery
from imgcls.errors import INTERRUPTED, ConfigError, ImgclsError, MachineError
from imgcls.records.config import Settings
from imgcls.reporting import presentation, progress
from imgcls.session import options as run_options
from imgcls.session import results as session_results
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session


def add_score(commands: Any) -> None:
    parser = commands.add_parser(
        "score",
        help="score every model on every dataset and hold them against their gates",
        **arguments.examples("imgcls score --save main.json", "imgcls score --data photos/ --models resnet50,alexnet"),
    )
    run_options.add_to_command(parser, "config", "models", "datasets")
    run_options.add_images(parser)
    run_options.add_to_command(
        parser,
        *("device", "offline", "store", "shard", "engine", "plan", "trust-mtime", "columns"),
        *("json", "json-summary", "csv", "markdown", "report"),
        *("comment", "code-quality"),
        *("inconclusive", "baseline", "compare-fail", "compare-common", "save"),
    )
    run_options.add_verbosity(parser)
    parser.set_defaults(command=score)


def score(namespace: argparse.Namespace) -> int:
    """Score what is selected and hold it against its gates; the exit code."""
    options = RunOptions.from_namespace(namespace)
    session = Session(options, selected(namespace, options))
    session.baseline  # noqa: B018 - a baseline that cannot be read is reported before anything is scored
    results = Results(session)
    try:
        results.finished = session.evaluate()
        with progress.working(sys.stderr, "holding results against gates"):
            session_results.judge_all(session, results)
        return concluded(results)
    finally:
        session.close()


def selected(namespace: argparse.Namespace, options: RunOptions) -> Settings:
    """The configuration; with ``--data`` only its models, or architectures, on these images. Raises ConfigError."""
    is_configured = options.config or discovery.find(Path.cwd())
    if namespace.data is None:
        if options.models and not is_configured:
            raise ConfigError("name the images with --data DIR: there is no configuration that has any")
        return selection.settings(options.config)
    if options.datasets:
        raise ConfigError("--data names the images, and --datasets does too: give one of them")
    if options.models is None and not is_configured:
        raise ConfigError("name the models with --models A,B: there is no configuration that has any")
    models = selection.runnable_models(options, options.models)
    return selection.on_images(models, namespace.data, namespace.labels)


def concluded(results: Results) -> int:
    """Write the documents, print the tables and the verdicts; the exit code."""
    with progress.working(sys.stderr, "making tables"):
        lines = list(_lines(results))
    code = results.exit_code()
    error = _unwritten(results, passed=code == 0 and results.finished)  # before what reads the lines may end
    for line in lines:
        output.line(line)
    if error:
        output.error(f"imgcls: {error}")
        code = sessions.worst_exit_code({code, error.exit_code})
    show_in_ci(results)
    if results.finished:
        return code
    output.error("imgcls: interrupted; what was predicted so far is stored")
    return INTERRUPTED


def _unwritten(results: Results, *, passed: bool) -> ImgclsError | None:
    """Write the documents; why one could not be written. Raises BrokenPipeError."""
    try:
        results.write(passed=passed)
    except BrokenPipeError:
        raise
    except OSError as error:
        return MachineError(documents.failure(error))
    except ImgclsError as error:
        return error
    return None


def show_in_ci(results: Results) -> None:
    """Annotate the gates that fail, in GitHub Actions, and state what could not be shown there."""
    for line in results.ci_notes:
        output.error(line)
    for line in results.annotations():
        output.command(line)


def _lines(results: Results) -> Iterator[str]:
    yield from results.tables(presentation.terminal_width())
    yield results.gates_line()
    if line := results.goldens_line():
        yield line
    yield from (f"  not evaluated: {gate}" for gate in results.unevaluated_gates())
    yield from (f"  not evaluated here: {limit}; pytest measures it" for limit in results.unevaluated_limits())
    yield from (f"  not compared here: {gate}; pytest -m parity does" for gate in results.unevaluated_deployments())
    yield from (f"  not compared here: {golden}; pytest -m golden does" for golden in results.unchecked_goldens())
