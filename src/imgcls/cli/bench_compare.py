"""``imgcls bench-compare``: is one slower than the other? Two saved runs, or two models that run in turn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import documents
from imgcls.cli import arguments, output, sides
from imgcls.errors import ConfigError
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.gates.benchmarks import Compared


def add_bench_compare(commands: Any) -> None:
    parser = commands.add_parser(
        "bench-compare",
        help="is the second slower than the first, beyond the machine's noise?",
        **arguments.examples("imgcls bench-compare before.json after.json", "imgcls bench-compare resnet50 alexnet"),
    )
    parser.add_argument(
        "sides", nargs=2, metavar="RUN.json|MODEL",
        help="two runs saved by pytest-benchmark, or two models, which then run in turn",
    )  # fmt: skip
    parser.add_argument(
        "--effect", type=arguments.fraction, default=0.05, metavar="0.05", help="the smallest slowdown that matters"
    )
    run_options.add_to_command(parser, "config", "device", "offline")
    parser.add_argument(
        "--batch", type=arguments.positive_int, default=1, metavar="N", help="images per call (default: 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to FILE")
    run_options.add_quiet(parser)
    parser.set_defaults(command=bench_compare)


def bench_compare(namespace: argparse.Namespace) -> int:
    """Print a verdict per benchmark, write the document; the exit code."""
    from imgcls.gates import benchmarks
    from imgcls.performance import benchmark_files

    options = RunOptions.from_namespace(namespace)
    if namespace.json:
        documents.check_writable(namespace.json)
    saved = [sides.is_run(side) for side in namespace.sides]
    if all(saved):
        before, after = (benchmark_files.read(Path(side)) for side in namespace.sides)
        compared = list(benchmarks.compare(before, after, namespace.effect))
    elif any(saved):
        run, model = sorted(namespace.sides, key=sides.is_run, reverse=True)
        raise ConfigError(
            f"{run} is a saved run and {model} a model: bench-compare takes two saved runs, or two models"
        )
    else:
        compared = [_in_turn(options, *namespace.sides, batch=namespace.batch, effect=namespace.effect)]
    for one in compared:
        status = "" if one.verdict.status == "inconclusive" else f"{one.verdict.status.upper()} "
        output.line(f"{status}{one.verdict.message}")
    if namespace.json:
        documents.write(namespace.json, {"format": 1, "compared": compared})
    return 0 if all(one.verdict.status == "pass" for one in compared) else 1


def _in_turn(options: RunOptions, first: str, second: str, *, batch: int, effect: float) -> Compared:
    """Two models interleaved, because two runs differ by more than two models do."""
    specs = selection.runnable_models(options, [first, second])
    from imgcls.gates import cost
    from imgcls.gates.benchmarks import Compared
    from imgcls.models.pool import ModelPool
    from imgcls.performance import latency, stopwatch

    device = options.scoring_device
    pool = ModelPool({spec.name: spec for spec in specs}, device)
    with progress.working(sys.stderr, f"loading {first} and {second}"):
        models = [pool.get(first), pool.get(second)]
    before, after = (stopwatch.Timed(model, latency.batches(model, batch)) for model in models)
    with progress.status(sys.stderr) as say:
        change = latency.interleaved(before, after, effect, say=lambda doing: say(f"{first} and {second}: {doing}"))
    title = f"{second} against {first} on {device}, batch {batch}"
    return Compared(title, cost.compared(title, effect, change), change)
