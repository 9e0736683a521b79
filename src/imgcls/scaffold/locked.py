"""Which models a lock was written for that lies where there is no configuration yet."""

from __future__ import annotations

from pathlib import Path

from imgcls import messages
from imgcls.config import lock
from imgcls.errors import ConfigError
from imgcls.models.weights import publications
from imgcls.records.config import ModelSpec
from imgcls.records.weights import LockedFile

NAMES_SHOWN = 5  # docs/decisions.md#names-in-a-message


def words(working: Path) -> tuple[list[str], str] | None:
    """What ``--models`` would name for the files of a lock, and why; None where there is no lock.

    Raises ConfigError where it cannot be read, and where it has a file of which the network is not known.
    """
    locked = lock.of_folder(working)
    if locked is None or not locked.files:
        return None
    known = {entry: _word(entry, working) for entry in locked.files}
    unknown = [f"{entry.name} from {entry.source}" for entry, word in known.items() if word is None]
    if unknown:
        files = messages.named(unknown, NAMES_SHOWN)
        raise ConfigError(
            f"{lock.FILE} here lists {files}, and not of which network that is: name the models to test with "
            "--models torchvision:NAME,timm:NAME,FILE"
        )
    return list(dict.fromkeys(filter(None, known.values()))), f"listed in {lock.FILE}, and no --models names others"


def _word(entry: LockedFile, working: Path) -> str | None:
    """A file of one's own, or the architecture whose published weights a file has."""
    if entry.path and not entry.is_published:
        return str(entry.path.relative_to(working) if entry.path.is_relative_to(working) else entry.path)
    if entry.url:
        name = publications.torchvisions(entry.url)
        return f"torchvision:{name}" if name else _named(entry)
    arch = f"timm:{str(entry.repository).removeprefix('timm/')}"
    repositories = {file.repository for file in publications.of(ModelSpec("", arch))}
    return arch if entry.repository in repositories else _named(entry)


def _named(entry: LockedFile) -> str | None:
    """The architecture that the lock was written for without a configuration."""
    return next((name for name in entry.models if ":" in name), None)
