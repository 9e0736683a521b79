"""``imgcls plan``: the runtime of every model is chosen once, for all shards of a run."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from imgcls import documents, messages
from imgcls.cli import arguments, output, score
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session import planning
from imgcls.session.options import RunOptions
from imgcls.session.session import Session


def add_plan(commands: Any) -> None:
    parser = commands.add_parser(
        "plan",
        help="choose the runtime of every model once, for all shards of a run",
        **arguments.examples("imgcls plan -o plan.json", "imgcls plan --models resnet50 --trust-mtime -o plan.json"),
    )
    run_options.add_to_command(parser, "config", "models", "datasets")
    run_options.add_images(parser)
    run_options.add_to_command(parser, "device", "offline", "store", "trust-mtime")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FILE", help="the plan, for --plan of shards")
    run_options.add_quiet(parser)
    parser.set_defaults(command=plan)


def plan(namespace: argparse.Namespace) -> int:
    """Write the plan, and print a line for each model on each dataset; the exit code. Raises ImgclsError."""
    options = RunOptions.from_namespace(namespace)
    documents.check_writable(namespace.out)
    session = Session(options, score.selected(namespace, options))
    from imgcls.models.weights import early

    early.require(session.settings.models.values())
    from imgcls.evaluation import plans

    with closing(session), progress.working(sys.stderr, "listing images and choosing runtimes"):
        runtimes = list(planning.runtimes(session))
    plans.write(namespace.out, runtimes)
    for one in runtimes:
        why = f" ({one.choice.why})" if one.choice.why else ""
        images = messages.counted(one.choice.listed, "image")
        output.line(f"{one.model} on {one.dataset}: {one.choice.runtime}, {images}{why}")
    shard = ["imgcls", "score", *_selection(namespace), "--shard", "1/8", "--plan", str(namespace.out)]
    output.line(f"next, for each shard: {shlex.join(shard)}")
    return 0


def _selection(namespace: argparse.Namespace) -> Iterator[str]:
    """The options that select what was planned, without which a shard would score something else."""
    for file in namespace.config:
        yield from ("--config", str(file))
    for name in ("models", "datasets", "data", "device"):
        if value := getattr(namespace, name):
            yield from (f"--{name}", value)
    if namespace.labels != "auto":
        yield from ("--labels", namespace.labels)
