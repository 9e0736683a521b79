"""``imgcls weights fetch|lock|verify|list``: weights for a machine without network, and the lock that pins them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imgcls import messages
from imgcls.cli import arguments, output
from imgcls.config import discovery, lock
from imgcls.errors import ConfigError, ImgclsError
from imgcls.records.config import ModelSpec
from imgcls.records.weights import Gathering, LockedFile, WeightsLock
from imgcls.reporting import progress
from imgcls.reporting.presentation import terminal_width
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions

HASH_DIGITS = 12


def add_weights(commands: Any) -> None:
    parser = commands.add_parser(
        "weights",
        help="fetch published weights into a folder to carry, and pin them",
        **arguments.examples("imgcls weights fetch --to weights", "imgcls weights verify"),
    )
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fetch(kinds)
    _add_lock(kinds)
    for name, command, text, examples in (
        ("verify", verify, "hash every file of imgcls.lock again, and name the models that it does not cover",
         ("imgcls weights verify", "imgcls weights verify --config imgcls.toml")),
        ("list", list_files, "the files of imgcls.lock, and where they are",
         ("imgcls weights list", "imgcls weights list --config imgcls.toml")),
    ):  # fmt: skip
        sub = kinds.add_parser(name, help=text, **arguments.examples(*examples))
        run_options.add_to_command(sub, "config")
        run_options.add_quiet(sub)
        sub.set_defaults(command=command)


def _add_fetch(kinds: Any) -> None:
    parser = kinds.add_parser(
        "fetch",
        help="put the published weights into one folder, and write imgcls.lock",
        **arguments.examples(
            "imgcls weights fetch --to weights", "imgcls weights fetch --models torchvision:resnet50 --to weights"
        ),
    )
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="the folder, which is made if need be")
    _add_models(parser, fetch)


def _add_lock(kinds: Any) -> None:
    parser = kinds.add_parser(
        "lock",
        help="write imgcls.lock from what is in the caches, fetching only what is not",
        **arguments.examples("imgcls weights lock", "imgcls weights lock --models resnet50"),
    )
    _add_models(parser, write_lock)


def _add_models(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("--models", metavar="A,B", help="models of the configuration, or architectures (default: all)")
    run_options.add_to_command(parser, "config", "offline")
    parser.set_defaults(command=command)


def fetch(namespace: argparse.Namespace) -> int:
    """Put what the models load into a folder, and list it; the exit code."""
    code = _update(RunOptions.from_namespace(namespace), namespace.to.absolute())
    if code == 0:
        output.line(f"carry {namespace.to} and {lock.FILE} together; there, check them with: imgcls weights verify")
    return code


def write_lock(namespace: argparse.Namespace) -> int:
    """List what the models load; the exit code."""
    return _update(RunOptions.from_namespace(namespace), None)


def _update(options: RunOptions, folder: Path | None) -> int:
    """List the files of the models in the lock, those of ``folder`` with their paths; the exit code."""
    _require_one_folder(options.config)
    specs = selection.requested_models(options.config, options.models, offline=options.offline)
    file = selection.folder(options.config) / lock.FILE
    before = lock.of_folder(file.parent) or WeightsLock(file)
    from imgcls.models.weights import early

    early.require(replace(s, access=replace(s.access, lock=before, gathering=Gathering(folder))) for s in specs)
    from imgcls.models import locking

    added: dict[str, list[LockedFile]] = {}
    codes: set[int] = set()
    for spec in specs:
        try:
            added[spec.name] = locking.entries(spec, before, folder)
        except ImgclsError as error:
            codes.add(error.exit_code)
            output.error(f"imgcls: {spec.name}: {error}")
            continue
        for line in _added_lines(spec, added[spec.name], folder):
            output.line(line)
    if any(added.values()) or not codes:
        _write(before, specs, added, everything=options.models is None)
    return sessions.worst_exit_code(codes)


def _write(
    before: WeightsLock, specs: Sequence[ModelSpec], added: dict[str, list[LockedFile]], *, everything: bool
) -> None:
    """Write the lock with the new entries; ``everything``: without those of models that are not configured."""
    from imgcls.models import locking

    known = [spec.name for spec in specs] if everything else None
    after = locking.merged(before, list(added), [entry for files in added.values() for entry in files], known)
    lock.write(after)
    total = sum(entry.size for entry in after.files)
    output.line(f"{after.file}: {messages.counted(len(after.files), 'file')}, {_size(total)}")


def _added_lines(spec: ModelSpec, entries: Sequence[LockedFile], folder: Path | None) -> Iterator[str]:
    from imgcls.models import locking

    if reason := locking.not_covered(spec):
        yield f"{spec.name}: not covered: {reason}"
    for entry in entries:
        licence = f", licence {entry.licence}" if entry.is_published else ""
        own = "; your own file: carry it, too" if folder and not entry.is_published else ""
        yield f"{spec.name}: {entry.name}, {_size(entry.size)}, {_source(entry)}{licence}{own}"


def verify(namespace: argparse.Namespace) -> int:
    """Compare every file with the lock, and name the models that it does not cover; the exit code."""
    options = RunOptions.from_namespace(namespace)
    locked = _existing(options)
    from imgcls.models.weights import lock_state

    with progress.working(sys.stderr, f"hashing {messages.counted(len(locked.files), 'file')}"):
        faulty = [state for state in map(lock_state.checked, locked.files) if state.fault]
    for state in faulty:
        output.line(f"{', '.join(state.entry.models)}: {state.entry.name} {state.detail}")
    uncovered, notes = _uncovered(options)
    for line in (*uncovered, *notes):
        output.line(line)
    total = messages.counted(len(locked.files), "file")
    output.line(f"{locked.file}: {len(locked.files) - len(faulty)} of {total} as listed")
    if faulty:
        output.line("get what is missing or wrong again where there is a network: imgcls weights fetch --to DIR")
    codes = {3 if state.fault == "missing" else 1 for state in faulty}
    return sessions.worst_exit_code(codes | ({1} if uncovered else set()))


def _uncovered(options: RunOptions) -> tuple[list[str], list[str]]:
    """Why models of the configuration do not load because of the lock, and which load weights of their own."""
    if not options.config and not discovery.find(Path.cwd()):
        return [], []
    specs = selection.requested_models(options.config, None)
    from imgcls.models import locking

    unlisted, notes = [], []
    for spec in specs:
        try:
            unlisted += [f"{spec.name}: {reason}" for reason in [locking.unlisted(spec)] if reason]
            notes += [f"{spec.name}: not covered: {reason}" for reason in [locking.not_covered(spec)] if reason]
        except ImgclsError as error:
            notes.append(f"{spec.name}: {error}")
    return unlisted, notes


def list_files(namespace: argparse.Namespace) -> int:
    """Print a row for each file and model; the exit code."""
    locked = _existing(RunOptions.from_namespace(namespace))
    from imgcls.models.weights import lock_state
    from imgcls.reporting import text_table

    table = text_table.table(
        "model", "file", "where", "licence", "sha256", "source", "size", left=6,
        names=("file", "source"), importance=("model", "file", "where", "size", "sha256", "licence", "source"),
    )  # fmt: skip
    for state in map(lock_state.located, locked.files):
        entry = state.entry
        cells = (entry.licence, entry.sha256[:HASH_DIGITS], _source(entry), _size(entry.size))
        for model in entry.models:
            table.add_row(model, entry.name, state.where, *cells)
    output.line(text_table.text(table, terminal_width()), end="")
    return 0


def _existing(options: RunOptions) -> WeightsLock:
    """The lock of the configuration. Raises ConfigError where there is none."""
    _require_one_folder(options.config)
    folder = selection.folder(options.config)
    locked = lock.of_folder(folder)
    if locked is None:
        raise ConfigError(
            f"there is no {lock.FILE} in {folder.absolute()}: write one with `imgcls weights fetch --to DIR` or "
            "`imgcls weights lock`"
        )
    return locked


def _require_one_folder(files: Sequence[Path]) -> None:
    """Raise ConfigError for configurations of several folders, each of which has a lock of its own."""
    folders = dict.fromkeys(file.absolute().parent for file in files)
    if len(folders) > 1:
        counted = messages.counted(len(folders), "folder")
        raise ConfigError(
            f"the configurations are in {counted}, and each has an {lock.FILE} of its own: name one with --config"
        )


def _source(entry: LockedFile) -> str:
    """Where a file comes from, with the beginning of its commit."""
    return entry.source.replace(entry.commit, entry.commit[:HASH_DIGITS]) if entry.commit else entry.source


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
