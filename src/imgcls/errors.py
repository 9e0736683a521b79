"""What can go wrong, as one tree.

    ImgclsError
    ├── ConfigError        the configuration or the command line is wrong              exit 2
    │   └── LabelError     the folders of a data set and the classes of a model differ
    ├── MachineError       this machine cannot do it                                   exit 3
    │   ├── WeightsMissing     a weights file is not to be had
    │   ├── DeviceMissing      a device was asked for and is absent
    │   └── StoreError         the store cannot be read or written
    └── ModelError         the model itself is at fault                                exit 1

Every message says what, where, with which input, and what to do next.
"""


class ImgclsError(Exception):
    """Something a user can mend; its text is shown without a traceback."""

    exit_code = 1


class ConfigError(ImgclsError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class LabelError(ConfigError):
    """The folders of a data set and the classes of a model do not meet."""


class MachineError(ImgclsError):
    """This machine cannot do what was asked."""

    exit_code = 3


class WeightsMissing(MachineError):
    """A weights file is not here and cannot be had."""


class DeviceMissing(MachineError):
    """A device was asked for and is absent."""


class StoreError(MachineError):
    """The store cannot be read or written."""


class ModelError(ImgclsError):
    """The model cannot be built, or its answers are not usable."""
