"""``imgcls profile``: the operators of models, and which of them changed since a profile that was saved."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.cli import arguments, destinations, output, pages
from imgcls.errors import ConfigError
from imgcls.records.performance import Profile, ProfileDiff
from imgcls.reporting import progress
from imgcls.reporting.presentation import Presentation, terminal_width
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions


def add_profile(commands: Any) -> None:
    parser = commands.add_parser(
        "profile",
        help="which operators models spend their time and memory on",
        **arguments.examples(
            "imgcls profile resnet50 --json before.json", "imgcls profile resnet50 --against before.json --batch 8"
        ),
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="models of the configuration, or architectures; of several also totals",
    )
    run_options.add_to_command(parser, "config", "device", "offline", "report")
    parser.add_argument(
        "--batch", type=arguments.positive_int, default=1, metavar="N", help="images per call (default: 1)"
    )
    parser.add_argument(
        "--repeats", type=arguments.positive_int, default=5, metavar="N", help="profiled calls (default: 5)"
    )
    parser.add_argument("--sort", choices=("time", "memory"), default="time", help="by self time (default) or memory")
    destinations.add(parser)
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="write the last call's timeline for chrome://tracing"
    )
    parser.add_argument("--against", type=Path, metavar="FILE", help="what changed since the profile in FILE")
    run_options.add_verbosity(parser)
    parser.set_defaults(command=profile)


def profile(namespace: argparse.Namespace) -> int:
    """Print the operators and what changed, write the documents; the exit code."""
    options = RunOptions.from_namespace(namespace)
    for file in (options.json, options.csv, options.markdown, options.report, namespace.trace):
        if file:
            documents.check_writable(file)
    specs = selection.runnable_models(options, namespace.models)
    if namespace.trace and len(specs) > 1:
        raise ConfigError("--trace writes the timeline of one model: name only one")
    from imgcls.models.pool import ModelPool
    from imgcls.performance import conditions, profile_diff, profiler

    device = options.scoring_device
    before = {s.name: profiler.read(namespace.against, s.name, device) for s in specs if namespace.against}
    pool = ModelPool({spec.name: spec for spec in specs}, device)
    profiles, changes = [], []
    for spec in specs:
        with progress.working(sys.stderr, f"profiling {spec.name}"):
            model = pool.get(spec.name)
            if spec.name in before:
                now = conditions.environment_of(model, namespace.batch)
                profile_diff.check(before[spec.name].conditions, now)
            after = profiler.profile(model, namespace.batch, namespace.repeats, namespace.trace)
        pool.release(spec.name)
        profiles.append(after)
        if spec.name in before:
            changes += profile_diff.compare(before[spec.name], after)
    for block in _blocks(options, namespace, profiles, changes):
        output.line(block)
    _write(options, namespace, profiles, changes)
    return 0


def _blocks(
    options: RunOptions, namespace: argparse.Namespace, profiles: Sequence[Profile], changes: Sequence[ProfileDiff]
) -> Iterator[str]:
    """What is printed: a table per model, what changed, and the totals of several models."""
    from imgcls.reporting import operator_table

    how = Presentation(terminal_width(), options.verbosity)
    for each in profiles if options.verbosity >= 0 else ():
        yield from operator_table.text(each, how, namespace.sort)
    for change in changes:
        yield from operator_table.differences(change, how)
    if len(profiles) > 1:
        yield how.text(operator_table.comparison(profiles))


def _write(
    options: RunOptions, namespace: argparse.Namespace, profiles: Sequence[Profile], changes: Sequence[ProfileDiff]
) -> None:
    """Write what was requested. Raises OSError."""
    from imgcls.performance import profiler
    from imgcls.reporting import operator_table

    if options.json:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"format": profiler.FORMAT, "made_at": made_at, "profiles": profiles}
        documents.write(options.json, document | ({"movements": changes} if namespace.against else {}))
    if options.csv:
        documents.write_text(options.csv, operator_table.as_csv(profiles))
    if options.markdown:
        documents.write_text(options.markdown, operator_table.markdown(profiles, namespace.sort))
    if options.report:
        _write_page(options.report, profiles)


def _write_page(file: Path, profiles: Sequence[Profile]) -> None:
    """Raises OSError."""
    from imgcls.reporting import result_document
    from imgcls.reporting.html import document, thumbnails

    report = replace(result_document.build([], {}, complete=True), profiles=tuple(profiles))
    pages.write(file, document.of_run(report, None), thumbnails.Images({}, ()), {})
