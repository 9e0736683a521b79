"""What stored failures to decode, and what is noticed on the way, depend on."""

from imgcls.models import identity
from imgcls.preprocessing import decode, formats
from imgcls.records.config import DatasetSpec


class Decoding:
    """How the images of a dataset are decoded, as the keys of what is stored of them.

    ``name``: the decoder and what it does, which is part of every prediction's key.
    """

    def __init__(self, dataset: DatasetSpec) -> None:
        self.name = f"{formats.decoder()}, exif {dataset.exif}{_own_limit(dataset)}"
        # What images are converted and rejected by, which may change where no library does.
        self._rules = f"{self.name}, imgcls {identity.source_sha256('preprocessing/*.py')}"
        self._most_pixels = decode.most_pixels(dataset.max_megapixels)

    def remarking(self, rule: str) -> str:
        """What a stored remark depends on; ``rule``: of a model's preprocessing."""
        return f"{self._rules}, {rule}"

    def rejecting(self, rule: str) -> str:
        """What a stored rejection depends on."""
        return f"{self.remarking(rule)}, at most {self._most_pixels} pixels"


def _own_limit(dataset: DatasetSpec) -> str:
    """A limit of a dataset's own, below which images are scored that another limit rejects."""
    return "" if dataset.max_megapixels is None else f", up to {float(dataset.max_megapixels)} megapixels"
