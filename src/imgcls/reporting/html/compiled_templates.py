"""Templates as jinja2 compiled them, where Python keeps the modules that it compiled."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from importlib import util
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from imgcls import documents


class CompiledTemplates(BytecodeCache):
    """A file for each template, next to it, as Python has them (docs/decisions.md#compiled-templates)."""

    def __init__(self, *sources: str) -> None:
        """``sources``: of the modules on which it depends, besides a template itself, what it is compiled to."""
        ours = "".join((jinja2.__version__, *sources)).encode()
        self._version = hashlib.sha256(util.MAGIC_NUMBER + ours).hexdigest()

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The file of a template."""
        return util.cache_from_source(filename or name)

    def get_source_checksum(self, source: str) -> str:
        """What has to be the same: jinja2 writes it before what it compiled, and compares it."""
        return self._version + hashlib.sha256(source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(Exception), Path(bucket.key).open("rb") as stream:  # pickle raises anything of damaged bytes
            bucket.load_bytecode(stream)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Where that folder can be written, and Python may write its own there."""
        if sys.dont_write_bytecode:
            return
        file = Path(bucket.key)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with documents.whole(file) as stream:
                bucket.write_bytecode(stream)
