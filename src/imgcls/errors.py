"""What can go wrong, as one tree.

    ImgclsError
    ├── ConfigError        the configuration or the command line is wrong              exit 2
    │   └── LabelError     the folders of a dataset and the classes of a model differ
    ├── MachineError       this machine cannot do it                                   exit 3
    │   ├── WeightsMissing     a weights file is not available
    │   ├── DeviceMissing      a requested device is absent
    │   └── StoreError         the store cannot be read or written
    └── ModelError         the model itself is at fault                                exit 1
        ├── Doubt              a runtime may run it, and was not requested by name
        └── OutOfMemory        its images do not fit into memory at once

Every message states what, where, with which input, and what to do next. Two classes are outside of the tree:
:class:`Undecodable` is about one image and ends as its rejection, :class:`InconclusiveWarning` is a gate that was
allowed to have too few images.
"""

from typing import Literal

from imgcls.messages import printable

INTERRUPTED = 130
"""The exit code of a program that SIGINT ended, as shells report it."""

Reason = Literal[
    "missing",
    "permission",
    "not_regular",
    "empty",
    "unreadable",
    "changed",
    "unlabelled",
    "not_an_image",
    "lfs_pointer",
    "truncated",
    "corrupt",
    "unsupported",
    "too_large",
    "out_of_memory",
]
"""Why a path gives no pixels.

- The file system: ``missing``, ``permission``, ``not_regular`` (a folder, pipe, socket or device),
  ``empty`` (0 bytes), ``unreadable`` (any other error of the system), ``changed`` (since it was listed).
- Its place: ``unlabelled`` (in the root of a dataset, where no folder names its class).
- Git LFS: ``lfs_pointer`` (the image itself was not fetched).
- Pillow: ``not_an_image``, ``truncated``, ``corrupt``, ``unsupported`` (a format or a variant that is not decoded
  here), ``too_large`` (more pixels than the dataset's limit), ``out_of_memory``.
"""


class _Printable(Exception):
    """Its text is the given lines, in each of which everything is seen: names and texts of others as escapes."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


class ImgclsError(_Printable):
    """Something a user can mend; its text is shown without a traceback. It has one line unless more are given."""

    exit_code = 1


class ConfigError(ImgclsError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class LabelError(ConfigError):
    """The folders of a dataset and the classes of a model do not match."""


class MachineError(ImgclsError):
    """This machine cannot do what was requested."""

    exit_code = 3


class WeightsMissing(MachineError):
    """A weights file is not here and cannot be fetched."""


class DeviceMissing(MachineError):
    """A requested device is absent."""


class StoreError(MachineError):
    """The store cannot be read or written."""


class ModelError(ImgclsError):
    """The model cannot be built, or its outputs cannot be used."""


class Doubt(ModelError):
    """A network may depend on the values that it computes, so that no runtime records it unless it is requested to."""


class OutOfMemory(ModelError):
    """A batch of images does not fit into the device's memory."""


class InconclusiveWarning(_Printable, UserWarning):
    """A gate had too few images to decide, and was allowed to."""


class RejectionWarning(_Printable, UserWarning):
    """An image that was given is not among the predictions, because it cannot be decoded."""


class Undecodable(Exception):
    """A file that gives no pixels: ``reason`` is one word, ``detail`` a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether this is an error that Python, torch's allocators or CUDA's libraries raise where memory is short."""
    words = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
