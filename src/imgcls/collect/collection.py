"""The folder of a collection: which images it has, which it takes, and that each is whole and accounted for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from imgcls import documents
from imgcls.collect import judge
from imgcls.collect.client import Fetched
from imgcls.collect.known import Known
from imgcls.collect.manifest import Manifest, Row, Source, file_name, is_half
from imgcls.collect.refusal import Refused, Stopped


class Collection:
    """Takes images until it has ``count`` of them, or any number; threads may offer some at once."""

    def __init__(
        self, manifest: Manifest, present: Known, excluded: Known, *, count: int | None, min_side: int
    ) -> None:
        """Remove what killed processes left half-written. Raises OSError."""
        self._manifest, self._present, self._excluded = manifest, present, excluded
        self._count, self._min_side = count, min_side
        self._offered: set[str] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self.images = len(manifest.with_images())
        self.new_images = 0
        for path in manifest.folder.glob(".*"):
            if is_half(path.name):
                path.unlink(missing_ok=True)

    @property
    def is_full(self) -> bool:
        return self._count is not None and self.images >= self._count

    def offer(self, source: Source, fetch: Callable[[], Fetched]) -> None:
        """Fetch a source and keep its image, or record why not; nothing where that was settled before.

        ``fetch`` raises Refused or Stopped. Raises OSError.
        """
        with self._lock:
            if source.url in self._manifest.rows or source.url in self._offered:
                return
            self._offered.add(source.url)
        try:
            fetched = fetch()
            judged = judge.judge(fetched.content, self._min_side)
            with self._lock:
                self._keep(source, fetched, judged)
        except Refused as refusal:
            with self._lock:
                self._refuse(source, refusal)
        except Stopped:
            return

    def close(self) -> None:
        """Take nothing any more; what is being written is whole afterwards."""
        with self._lock:
            self._is_closed = True

    def _keep(self, source: Source, fetched: Fetched, judged: judge.Judged) -> None:
        if self._is_closed or self.is_full:
            raise Stopped
        for others in (self._excluded, self._present):
            others.require_new(judged.sha256, judged.look)
        name = file_name(judged.sha256, judged.suffix)
        self._manifest.folder.mkdir(parents=True, exist_ok=True)
        with documents.whole(self._manifest.folder / name) as stream:
            stream.write(fetched.content)
        self._present.add(name, judged.sha256, judged.look)
        licence = source.licence or fetched.licence
        self._manifest.add(Row(name, source.url, source.page, _now(), licence, judged.sha256))
        self.images += 1
        self.new_images += 1

    def _refuse(self, source: Source, refusal: Refused) -> None:
        if not self._is_closed:
            row = Row("", source.url, source.page, _now(), source.licence, "", refusal.reason, refusal.detail)
            self._manifest.add(row)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
