"""Where saved runs in a row come from: the files of a folder, or the versions of one file that git has."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from imgcls import documents
from imgcls.comparison import parts
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError, MachineError


@dataclass
class Runs:
    """Runs from the oldest to the newest, read one by one; ``left_out``: why a file is not among them, a line each."""

    source: Path
    left_out: list[str] = field(default_factory=list)

    def read(self) -> Iterator[tuple[str, Part]]:
        """Each run and its name. Raises ConfigError where there is none, and MachineError where git fails."""
        runs = _of_folder(self.source, self.left_out) if self.source.is_dir() else _of_git(self.source, self.left_out)
        read = 0
        for run in runs:
            read += 1
            yield run
        if not read:
            reasons = f": {'; '.join(self.left_out)}" if self.left_out else ""
            raise ConfigError(
                f"{self.source}: no saved run in it{reasons}; save one there with imgcls score --save FILE.json"
            )


# Of a folder.


@dataclass(frozen=True, slots=True)
class _Head:
    """As much of a document as their order needs."""

    format: int
    made_at: str
    results: tuple[Any, ...]


def _of_folder(folder: Path, left_out: list[str]) -> Iterator[tuple[str, Part]]:
    """The documents of a folder, by the time at which they were made."""
    heads: list[tuple[str, Path]] = []
    for file in sorted(folder.glob("*.json")):
        try:
            head = documents.read(
                file, _Head, "saved run", whose="a result document of imgcls", way="imgcls score --save"
            )
            heads.append((head.made_at, file))
        except ConfigError as error:
            left_out.append(f"left out: {error}")
    for _, file in sorted(heads):
        try:
            [part] = parts.read([file])
        except ConfigError as error:
            left_out.append(f"left out: {error}")
        else:
            yield file.stem, part


# Of git.


def _of_git(file: Path, left_out: list[str]) -> Iterator[tuple[str, Part]]:
    """Every committed version of a file, the first one first; a version that is not a run is left out."""
    listed = _git(file, "log", "--reverse", "--format=%H %h", "--", f"./{file.name}")
    with TemporaryDirectory() as folder:
        version = Path(folder) / file.name
        for line in listed.decode().splitlines():
            commit, short = line.split()
            entry = _git(file, "ls-tree", commit, "--", f"./{file.name}").split()
            if not entry:  # it was deleted
                continue
            version.write_bytes(_git(file, "cat-file", "blob", entry[2].decode()))
            try:
                [part] = parts.read([version])
            except ConfigError as error:
                left_out.append(f"left out: {file} of commit {str(error).replace(str(version), short)}")
            else:
                yield short, part


def _git(file: Path, *arguments: str) -> bytes:
    """What git prints, run in the folder of the file. Raises ConfigError where that is not in a repository."""
    git = shutil.which("git")
    if git is None:
        raise MachineError(f"{file} is not a folder, and its versions are read with git, which is not installed here")
    folder = file.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{file}: there is no folder or file of this name")
    environment = {**os.environ, "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    done = _run([git, *arguments], folder, environment)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise ConfigError(
            f"{file}: git has no versions of it ({why}); commit a saved run under this name, or name a folder of them"
        )
    return done.stdout


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)  # noqa: S603 - git itself
