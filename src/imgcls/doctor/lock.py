"""Whether the weights are here that the lock of this folder's configuration lists."""

from __future__ import annotations

from collections.abc import Iterator

from imgcls import messages
from imgcls.config import discovery
from imgcls.config import lock as locks
from imgcls.doctor.findings import Evidence, Finding
from imgcls.errors import ConfigError
from imgcls.models.weights import lock_state

NAMES_SHOWN = 5  # docs/decisions.md#names-in-a-message


def lock(evidence: Evidence) -> Iterator[Finding]:
    """The lock in reach, and which of its files are missing. Hashing them is left to `imgcls weights verify`."""
    try:
        file = discovery.find(evidence.folder)
        locked = locks.of_folder(file.parent if file else evidence.folder)
    except ConfigError as error:
        yield Finding("broken", str(error).replace("\n", "; "), "correct the file as the message states")
        return
    if locked is None:
        return
    count = messages.counted(len(locked.files), "file")
    missing = [state.entry.name for state in map(lock_state.located, locked.files) if state.path is None]
    if missing:
        names = messages.named(missing, NAMES_SHOWN)
        yield Finding(
            "warning",
            f"{locked.file}: of {count}, {len(missing)} not here: {names}; with a lock no other weights load",
            "imgcls weights fetch --to weights, where there is a network; then carry weights and imgcls.lock here",
        )
        return
    yield Finding("ok", f"{locked.file}: {count}, all here; imgcls weights verify hashes them")
