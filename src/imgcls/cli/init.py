"""``imgcls init``: from a folder of images to a first configuration and its tests."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import extensions, messages
from imgcls.cli import output
from imgcls.cli.arguments import examples, local_images
from imgcls.reporting import progress
from imgcls.scaffold.workflow import SERVICES
from imgcls.session import options as run_options

if TYPE_CHECKING:
    from imgcls.scaffold.models import ProposedModel
    from imgcls.scaffold.project import Project, Request

WIDTH, MARGIN = 80, 9
"""Columns of the terminal, and of the words in front of the lines."""

COMMIT = "commit the images, too, or let the workflow fetch them before it tests"

NAMES_SHOWN = 5  # docs/decisions.md#names-in-a-message
ARCHITECTURES_SHOWN = 3  # docs/decisions.md#names-in-a-message


def add_init(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="write a first configuration and its tests for a folder of images",
        **examples(
            "imgcls init --data photos/ --models torchvision:resnet50,weights.pth",
            "imgcls init --ci github --dry-run",
        ),
    )
    parser.add_argument(
        "--data", type=local_images, metavar="DIR",
        help="a folder with a folder per class, or a manifest (default: the folder here that holds such folders)",
    )  # fmt: skip
    parser.add_argument(
        "--models", metavar="A,B",
        help="torchvision:NAME, timm:NAME, a bare name of either, or files of weights (default: the checkpoint here, "
        "or a small published network)",
    )  # fmt: skip
    parser.add_argument(
        "--ci", choices=SERVICES,
        help="write the workflow of this service, too; where a configuration is there already, only that",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print the files instead of writing them")
    run_options.add_quiet(parser)
    parser.set_defaults(command=init)


def init(namespace: argparse.Namespace) -> int:
    """Write the files and print what was found, guessed and written; 1 where something has to be mended by hand."""
    from imgcls.scaffold import project

    working = Path.cwd()
    only_workflow = namespace.ci and namespace.data is None and namespace.models is None
    if only_workflow and (existing := project.configured(working)):
        return _add_workflow(project.Request(working, service=namespace.ci), existing, dry_run=namespace.dry_run)
    with progress.status(sys.stderr) as say:
        request = project.Request(
            working, _relative(namespace.data, working), _words(namespace.models), namespace.ci, say
        )
        result = project.proposed(request, may_exist=namespace.dry_run)
    _write(working, result.files, dry_run=namespace.dry_run)
    for line in lines(result, dry_run=namespace.dry_run):
        output.line(line)
    return int(bool(result.problems))


def _add_workflow(request: Request, existing: Path, *, dry_run: bool) -> int:
    """Write the workflow of a project that has its configuration, and print so. Raises ConfigError, MachineError."""
    from imgcls.scaffold import project

    added = project.added_workflow(request, existing, may_exist=dry_run)
    _write(request.working, added.files, dry_run=dry_run)
    for line in (
        *_block("found", [f"{added.configuration}, which stays as it is"]),
        *_written(added.files, added.to_add, dry_run=dry_run),
        "",
        *_block("next", [COMMIT]),
    ):
        output.line(line)
    return 0


def _write(working: Path, texts: Mapping[str, str], *, dry_run: bool) -> None:
    from imgcls.scaffold import files

    if not dry_run:
        files.write(working, texts)
        return
    for name, text in texts.items():
        output.line(f"--- {name}")
        output.document(f"{text}\n")


def _relative(data: Path | None, working: Path) -> Path | None:
    """The folder as the configuration is to name it: from the working folder on where it lies in that."""
    if data is None or not data.is_absolute() or not data.is_relative_to(working):
        return data
    return data.relative_to(working)


def _words(models: str | None) -> list[str] | None:
    return None if models is None else [word.strip() for word in models.split(",")]


def lines(result: Project, *, dry_run: bool) -> Iterator[str]:
    """What somebody reads at the end, in lines of at most 80 characters."""
    from imgcls.scaffold import configuration, findings

    first, *others = findings.lines(result.images, result.inspection)
    yield from _block("found", [f"{configuration.title(result.images)}: {first}", *others])
    yield from _block("models", [f"{model.name}: {_described(model)}" for model in result.models])
    yield from _block("guessed", list(_guesses(result)))
    yield from _block("missing", _shortened(result.problems))
    yield from _written(result.files, result.to_add, dry_run=dry_run)
    yield ""
    yield from _block("next", list(_next_commands(result)))


def _written(names: Iterable[str], to_add: Iterable[str], *, dry_run: bool) -> Iterator[str]:
    """Which files are new, and what others lack."""
    yield from _block("would be" if dry_run else "written", [", ".join(names)])
    for text in to_add:
        reason, _, rest = text.partition("\n")
        yield from _block("to do", [reason])
        yield from (" " * MARGIN + line for line in rest.splitlines())


def _block(head: str, texts: Sequence[str]) -> Iterator[str]:
    """Texts below each other, with their head in front of the first."""
    for number, text in enumerate(texts):
        begin = head.ljust(MARGIN) if number == 0 else " " * MARGIN
        yield from textwrap.wrap(
            messages.printable(text), WIDTH, initial_indent=begin, subsequent_indent=" " * (MARGIN + 2),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _described(model: ProposedModel) -> str:
    """The architecture of a model, or those that it can be of, and where its weights are from."""
    shown, others = model.architectures[:ARCHITECTURES_SHOWN], model.architectures[ARCHITECTURES_SHOWN:]
    more = [f"{len(others)} more"] if others else []
    architecture = " or ".join([*shown, *more]) or "an unknown architecture"
    source = extensions.source(architecture.partition(":")[0])
    if isinstance(model.weights, Path) or (source and (source.is_file or not source.publishes_weights)):
        return f"{architecture}, {model.weights}" if model.weights else architecture
    return " ".join([f"{architecture}, published weights", *([str(model.weights)] if model.weights else [])])


def _guesses(result: Project) -> Iterator[str]:
    if result.chosen:
        yield result.chosen
    yield from result.images.notes
    yield from (f"{model.name}: {guess}" for model in result.models for guess in model.guesses)
    for way in result.labels:
        if way.file:
            folders = f"{way.file}: which classes are right for each folder"
            yield f"{folders}; doubtful: {messages.named(way.doubtful, NAMES_SHOWN)}" if way.doubtful else folders


def _shortened(problems: Sequence[str]) -> list[str]:
    more = len(problems) - NAMES_SHOWN
    return [*problems[:NAMES_SHOWN], *([f"and {more} more"] if more > 0 else [])]


def _next_commands(result: Project) -> Iterator[str]:
    """Two command lines, after what has to be done by hand."""
    maps = [str(way.file) for way in result.labels if way.unmapped]
    if maps:
        yield f"fill in {' and '.join(maps)}; imgcls labels search WORD lists classes"
    if any(model.problem for model in result.models):
        yield "complete imgcls.toml where it has a model as a comment"
    if result.service:
        yield COMMIT
    if result.problems or any(way.file for way in result.labels):
        yield "imgcls labels check"
        yield "pytest -m accuracy"
    else:
        yield "pytest -m accuracy"
        yield "pytest -m accuracy --imgcls-save main.json"
