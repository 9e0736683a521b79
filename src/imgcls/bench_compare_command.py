"""``imgcls bench-compare``: is one slower than the other? Two saved runs, or two models asked in turn."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from imgcls import bench_files, config, documents, limits, score_command
from imgcls.bench_files import Compared
from imgcls.errors import ConfigError


def bench_compare(options: argparse.Namespace) -> int:
    """Print a verdict per benchmark, write the document; the exit code."""
    if options.json:
        config.check_writable(options.json)
    saved = [side.endswith(".json") or Path(side).is_file() for side in options.sides]
    if all(saved):
        before, after = (bench_files.read(Path(side)) for side in options.sides)
        found = list(bench_files.compare(before, after, options.effect))
    elif any(saved):
        raise ConfigError("bench-compare takes two saved runs, or two models of the configuration")
    else:
        found = [_in_turn(options, options.sides)]
    for one in found:
        print(one.verdict.message if one.verdict.status == "inconclusive" else f"{_said(one)} {one.verdict.message}")
    if options.json:
        documents.write(options.json, {"format": 1, "compared": found})
    return 0 if all(one.verdict.status == "pass" for one in found) else 1


def _said(one: Compared) -> str:
    return one.verdict.status.upper()


def _in_turn(options: argparse.Namespace, names: Sequence[str]) -> Compared:
    """Two models at hand, interleaved, because two runs differ by more than two models do."""
    from imgcls import latency
    from imgcls.models import Shelf

    specs = score_command.asked_models(options.config, names)
    shelf = Shelf({spec.name: spec for spec in specs}, options.device)
    first, second = (latency.Timed(model, latency.batches(model, options.batch)) for model in map(shelf.get, names))
    seen = latency.interleaved(first, second, options.effect)
    title = f"{names[1]} against {names[0]} on {options.device}, batch {options.batch}"
    return Compared(title, limits.compared(title, options.effect, seen), seen)
