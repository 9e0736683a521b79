"""Which of the listed images have the same bytes, by their hashes; only those that have are read from the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from imgcls.records.data import Images


class Repeated(NamedTuple):
    """The images whose bytes another image has. Int64 (m,) each: ``positions`` in the listing, in order.

    ``firsts``: the position of the first image of the same bytes; ``labels``: the same number for the same label.
    """

    positions: NDArray[np.int64]
    firsts: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def is_other_label(self) -> NDArray[np.bool_]:
        """Bool (m,): whether the first image of the same bytes has another label."""
        import numpy as np

        of_firsts: NDArray[np.int64] = self.labels[np.searchsorted(self.positions, self.firsts)]
        return np.not_equal(self.labels, of_firsts)


def repeated(images: Images) -> Repeated:
    """All images of bytes that are listed more than once."""
    import numpy as np

    positions = _alike(images)
    digests, labels, numbers = bytearray(), np.empty(len(positions), np.int64), dict[str | None, int]()
    for place, image in enumerate(images.at(positions.tolist())):
        digests += bytes.fromhex(image.sha256)
        labels[place] = numbers.setdefault(image.label, len(numbers))
    _, firsts, groups = np.unique(np.frombuffer(digests, "S32"), return_index=True, return_inverse=True)
    counts = np.bincount(groups, minlength=len(firsts))
    is_repeated = counts[groups] > 1
    return Repeated(positions[is_repeated], positions[firsts[groups]][is_repeated], labels[is_repeated])


def _alike(images: Images) -> NDArray[np.int64]:
    """The positions, in order, of images whose hash begins with the same 8 bytes as that of another image."""
    import numpy as np

    heads = images.hashes[:, 0]
    order = np.argsort(heads, kind="stable")
    heads = heads[order]
    places = np.flatnonzero(heads[1:] == heads[:-1])
    return np.sort(order[np.union1d(places, places + 1)])


def distinct(images: Images) -> NDArray[np.int64]:
    """A position for all images of the same bytes: that of the last of them, where the first would be."""
    import numpy as np

    repeats = repeated(images)
    last_of = np.arange(len(images))
    last_of[repeats.firsts] = repeats.positions  # of several, the last is assigned last
    is_first = np.ones(len(images), bool)
    is_first[repeats.positions] = repeats.positions == repeats.firsts
    return last_of[is_first]
