"""``imgcls parity``: what ships, exports and serving, held against what was tested."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from imgcls.cli import arguments, output, score
from imgcls.config import datasets, discovery, exports
from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.messages import nearest
from imgcls.records.config import DatasetSpec, ExportSpec, ModelSpec, Settings
from imgcls.reporting import presentation, progress
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.deployment import Deployment
from imgcls.session.events import ParityChecked, ServingChecked
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session


def add_parity(commands: Any) -> None:
    parser = commands.add_parser(
        "parity",
        help="compare exports and serving of models with what was tested",
        **arguments.examples(
            "imgcls parity resnet50 --exports build/resnet50.onnx --data photos/", "imgcls parity resnet50 --localize"
        ),
    )
    parser.add_argument("model", nargs="+", metavar="MODEL", help="models of the configuration, or architectures")
    parser.add_argument(
        "--exports", metavar="A,B", help="only these exports of the configuration, or files (default: all that it has)"
    )
    parser.add_argument(
        "--data", metavar="DIR|NAME", help="a dataset of the configuration, a folder or a manifest (default: all)"
    )
    parser.add_argument("--localize", action="store_true", help="name the first layer that differs, and its share")
    parser.add_argument("--no-costs", action="store_true", help="do not measure latency and memory")
    run_options.add_to_command(
        parser, "config", "device", "offline", "store", "json", "csv", "markdown", "inconclusive"
    )
    run_options.add_verbosity(parser)
    parser.set_defaults(command=parity)


def parity(namespace: argparse.Namespace) -> int:
    """Compare what is requested and hold it against its gates; the exit code."""
    options = RunOptions.from_namespace(namespace)
    settings = _settings(options, namespace)
    session = Session(options, settings, show_progress=partial(progress.shown, sys.stderr))
    results = Results(session)
    try:
        deployment = Deployment(session, costs=not namespace.no_costs, localize=namespace.localize)
        _compare(results, deployment)
        return _concluded(results)
    finally:
        session.close()


def _compare(results: Results, deployment: Deployment) -> None:
    """Add what every export and every serving comes to."""
    settings = results.session.settings
    for model, dataset in settings.parity_pairs():
        for compared in deployment.parities(model, dataset):
            results.add(ParityChecked(compared))
    for model, spec in settings.models.items():
        if spec.serving:
            with progress.working(sys.stderr, f"comparing the serving of {model}"):
                checked = deployment.serving(model)
            results.add(ServingChecked(checked))


def _concluded(results: Results) -> int:
    """Print the tables and the verdicts, write the documents; the exit code."""
    results.outcomes, results.started, results.finished = [], True, True
    for line in results.tables(presentation.terminal_width()):
        output.line(line)
    results.write(passed=False)
    score.show_in_ci(results)
    failures = {parity.failure.exit_code for parity in results.parities if parity.failure}
    differs = bool(results.failed_verdicts()) or any(serving.status != "pass" for serving in results.servings)
    return sessions.worst_exit_code({1 if differs else 0, *failures})


# What is requested.


def _settings(options: RunOptions, namespace: argparse.Namespace) -> Settings:
    """The requested models with the requested exports, on the requested dataset. Raises ConfigError."""
    configured = selection.settings(options.config) if options.config or discovery.find(Path.cwd()) else None
    names = None if namespace.exports is None else [name.strip() for name in namespace.exports.split(",")]
    requested = selection.requested_models(options.config, namespace.model, offline=options.offline)
    specs = {spec.name: replace(_with_exports(spec, names), datasets=None) for spec in requested}
    from imgcls.models.weights import early

    early.require(specs.values())
    of_data = _datasets(namespace.data, configured)
    gates = configured.parity if configured else {}
    source = configured.source if configured else Path()
    parity_gates = {pair: gate for pair, gate in gates.items() if pair[0] in specs and pair[1] in of_data}
    return Settings(source, of_data, specs, {}, parity=parity_gates)


def _with_exports(spec: ModelSpec, names: Sequence[str] | None) -> ModelSpec:
    """The model with these exports. Raises ConfigError where there is none, nor any serving."""
    if names is not None:
        return replace(spec, exports={export.name: export for name in names for export in _exports(spec, name)})
    if not (spec.exports or spec.serving):
        raise ConfigError(
            f"{spec.name} has no exports: name files with --exports build/{spec.name}.onnx, or in the configuration "
            f"under [models.{spec.name}.exports]"
        )
    return spec


def _exports(spec: ModelSpec, name: str) -> list[ExportSpec]:
    """The configured export of this name, or a file."""
    if name in spec.exports:
        return [spec.exports[name]]
    if Path(name).suffix.lower() not in exports.FORMATS:
        raise ConfigError(
            f"--exports {name}: no export of {spec.name}, and no file of one{nearest(name, spec.exports)}"
        )
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem)
    return list(exports.read_exports(ConfigTable(Path("--exports"), "exports", {stem: name})).values())


def _datasets(data: str | None, configured: Settings | None) -> dict[str, DatasetSpec]:
    """The dataset that is requested, or all of the configuration."""
    if data is None:
        if configured is None:
            raise ConfigError("parity needs images: name a folder or a manifest with --data DIR")
        return dict(configured.datasets)
    if configured and data in configured.datasets:
        return {data: configured.datasets[data]}
    spec = datasets.dataset("--data", data, "auto")
    return {spec.name: spec}
