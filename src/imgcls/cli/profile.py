"""``imgcls profile``: the operators of a model, and which of them changed since a profile that was saved."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.cli import arguments, output
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions


def add_profile(commands: Any) -> None:
    parser = commands.add_parser("profile", help="which operators a model spends its time and memory on")
    parser.add_argument("model", metavar="MODEL", help="a model of the configuration, or an architecture")
    run_options.add_to_command(parser, "config", "device")
    parser.add_argument(
        "--batch", type=arguments.positive_int, default=1, metavar="N", help="images per call (default: 1)"
    )
    parser.add_argument(
        "--repeats", type=arguments.positive_int, default=5, metavar="N", help="profiled calls (default: 5)"
    )
    parser.add_argument("--sort", choices=("time", "memory"), default="time", help="by self time (default) or memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all operators to FILE")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="write the last call's timeline for chrome://tracing"
    )
    parser.add_argument("--against", type=Path, metavar="FILE", help="what changed since the profile in FILE")
    parser.set_defaults(command=profile)


def profile(namespace: argparse.Namespace) -> int:
    """Print the operators and what changed, write the documents; the exit code."""
    options = RunOptions.from_namespace(namespace)
    for file in (namespace.json, namespace.trace):
        if file:
            documents.check_writable(file)
    [spec] = selection.requested_models(options.config, [namespace.model])
    from imgcls.models.pool import ModelPool
    from imgcls.performance import conditions, profile_diff, profiler
    from imgcls.reporting import operator_table

    device = options.scoring_device
    before = profiler.read(namespace.against, spec.name, device) if namespace.against else None
    model = ModelPool({spec.name: spec}, device).get(spec.name)
    if before:
        profile_diff.check(before.conditions, conditions.environment_of(model, namespace.batch))
    after = profiler.profile(model, namespace.batch, namespace.repeats, namespace.trace)
    changes = profile_diff.compare(before, after) if before else []
    output.line(operator_table.text(after, namespace.sort), end="")
    for change in changes:
        output.line(operator_table.differences(change), end="")
    if namespace.json:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"format": profiler.FORMAT, "made_at": made_at, "profiles": [after]}
        documents.write(namespace.json, document | ({"movements": changes} if before else {}))
    return 0
