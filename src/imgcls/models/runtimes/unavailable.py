"""The runtimes of files that no library here runs."""

from imgcls.errors import MachineError
from imgcls.models.runtimes.base import Classifier, Request


def build(request: Request) -> Classifier:
    """Raises MachineError."""
    raise MachineError(
        f"[models.{request.name}] no installed package adds its runtime to imgcls; docs/extending.md states what it "
        "must provide"
    )
