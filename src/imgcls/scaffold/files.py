"""New files, all of them or none, and never in the place of others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from imgcls import documents, messages
from imgcls.errors import ConfigError, MachineError


def require_new(folder: Path, names: Iterable[str]) -> None:
    """Raise ConfigError, which names all of them, where files of these names exist."""
    if existing := [name for name in names if os.path.lexists(folder / name)]:
        exist = "exists and is left as it is" if len(existing) == 1 else "exist and are left as they are"
        raise ConfigError(
            f"{messages.named(existing)} {exist}, and nothing was written: move what you no longer need, or see with "
            "--dry-run what would be written"
        )


def require_writable(folder: Path) -> None:
    """Raise MachineError where no file can be written into the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MachineError(_refused("Permission denied"))


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write these texts into new files. Where one cannot be written, those before it are removed again.

    Raises ConfigError where a file has come to exist, MachineError where the system does not take one.
    """
    require_new(folder, texts)
    made: list[Path] = []
    try:
        for name, text in texts.items():
            made += _new_folders(folder / name)
            with (folder / name).open("xb") as file:
                made.append(folder / name)
                file.write(text.encode())
    except BaseException as error:
        _remove(made)
        if isinstance(error, OSError):
            raise MachineError(_refused(documents.failure(error))) from error
        raise


def _refused(why: str) -> str:
    return (
        f"this folder takes no files, and nothing was written ({why}): run imgcls init in one that does, or copy what "
        "it prints with --dry-run"
    )


def _new_folders(file: Path) -> list[Path]:
    """The folders above a file that had to be made, from the highest on."""
    missing = [place for place in file.parents if not place.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove(made: Iterable[Path]) -> None:
    for path in reversed(list(made)):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
