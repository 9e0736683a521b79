"""The command ``imgcls``: the same runs as the plugin's, without pytest."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from imgcls.cli import bench_compare, cache, compare, labels, predict, profile, score, train
from imgcls.errors import ImgclsError


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
        return score.INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line, whose ``command`` is the function that does it."""
    parser = argparse.ArgumentParser("imgcls", description="Test image classifiers the way you test code.")
    parser.add_argument("--version", action="version", version=f"imgcls {metadata.version('imgcls')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        score.add_score,
        compare.add_compare,
        bench_compare.add_bench_compare,
        profile.add_profile,
        predict.add_predict,
        train.add_train,
        labels.add_labels,
        cache.add_cache,
    ):
        add(commands)
    return parser
