"""Test image classifiers the way you test code.

Six verbs, the words of the command: ``load_model``, ``predict``, ``score``, ``compare``, ``benchmark``, ``train``.
Each is imported when it is first used, so that importing imgcls costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgcls.api import benchmark, compare, load_model, predict, score, train
    from imgcls.errors import ImgclsError
    from imgcls.records.config import InputSpec, ModelSpec

    __version__: str

__all__ = [
    "ImgclsError",
    "InputSpec",
    "ModelSpec",
    "__version__",
    "benchmark",
    "compare",
    "load_model",
    "predict",
    "score",
    "train",
]

_MODULES = {"ImgclsError": "imgcls.errors", "InputSpec": "imgcls.records.config", "ModelSpec": "imgcls.records.config"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'imgcls' has no attribute '{name}'")
    if name == "__version__":
        return import_module("importlib.metadata").version("imgcls")
    return getattr(import_module(_MODULES.get(name, "imgcls.api")), name)


def __dir__() -> list[str]:
    return __all__
