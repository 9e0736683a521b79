"""How long predictions took, kept with them: by prediction key, dataset and machine."""

from imgcls.store import connection
from imgcls.store.connection import Connection, Key


class Durations(Connection):
    """Seconds of passes, without listing the files, and the images for which they computed predictions."""

    def seconds_per_image(self, key: str, dataset: str, machine: str) -> float | None:
        """The mean over all passes of this machine; None where it has computed none of these predictions.

        ``machine``: a hash of everything that the time depends on in addition to model and images.
        """
        stored = self._duration(bytes.fromhex(key), dataset, machine)
        return stored[1] / stored[0] if stored else None

    def add_duration(self, key: str, dataset: str, machine: str, images: int, seconds: float) -> None:
        """Add the seconds of a pass in which predictions were computed for ``images`` (one at least)."""
        sha256 = bytes.fromhex(key)
        before = self._duration(sha256, dataset, machine) or (0, 0.0)
        with self._transaction() as transaction:
            row = (sha256, dataset, machine, before[0] + images, before[1] + seconds)
            connection.write(transaction, "durations", [row])

    def _duration(self, key: bytes, dataset: str, machine: str) -> tuple[int, float] | None:
        columns: Key = {"key": key, "dataset": dataset, "machine": machine}
        rows = self._intact("durations", "durations", "images, seconds", columns)
        return next(((int(images), float(seconds)) for images, seconds in rows), None)
