"""The reference of ``import imgcls``: its public names, and the classes of what they return."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import imgcls
from imgcls import api, errors
from imgcls.models import model
from imgcls.records import comparison, config, data, evaluation, performance, report
from imgcls.session import library
from imgcls.training import history, trainer

HEAD = """\
# The library

The public names of `import imgcls`, and what they return. How they are used, with examples, is in
[the library](../library.md).
"""

OTHERS = "The errors below `ImgclsError` are in [errors](environment.md#errors).\n"

MODULES: tuple[ModuleType, ...] = (
    api, model, library, trainer, history, comparison, config, data, evaluation, performance, report,
)  # fmt: skip
"""Where the classes are that verbs return."""


def text() -> str:
    """The page, whose texts are taken from docstrings when the site is built."""
    verbs = [name for name in imgcls.__all__ if inspect.isfunction(getattr(imgcls, name))]
    parts = [
        ("Verbs", [_directive("autofunction", f"imgcls.api.{name}") for name in verbs]),
        ("What verbs take", [_class(getattr(imgcls, name)) for name in ("ModelSpec", "InputSpec")]),
        ("What verbs return", [_class(returned) for returned in returned_classes(verbs)]),
        ("Errors", [_class(imgcls.ImgclsError), _class(errors.RejectionWarning), OTHERS]),
    ]
    return "\n".join([HEAD, *("\n".join([f"## {title}\n", *blocks]) for title, blocks in parts)])


def returned_classes(verbs: list[str]) -> list[type]:
    """The classes that verbs return, then those of their fields and properties, each once."""
    known = {name: value for module in MODULES for name, value in inspect.getmembers(module, _is_ours)}
    first = [known[name] for verb in verbs for name in _names(getattr(imgcls, verb).__annotations__["return"], known)]
    below = [known[name] for cls in first for hint in _hints(cls) for name in _names(hint, known)]
    return [cls for cls in dict.fromkeys([*first, *below]) if cls.__name__ not in imgcls.__all__]


def _is_ours(value: object) -> bool:
    return inspect.isclass(value) and value.__module__.startswith("imgcls.") and value.__module__ in _NAMES


_NAMES = frozenset(module.__name__ for module in MODULES)


def _names(hint: str, known: dict[str, type]) -> list[str]:
    return [word for word in re.findall(r"\w+", hint) if word in known]


def _hints(cls: type) -> Iterator[str]:
    """What the public fields, properties and methods of a class are annotated with."""
    yield from vars(cls).get("__annotations__", {}).values()
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            yield str(function.__annotations__.get("return", ""))


def _class(cls: type) -> str:
    return _directive("autoclass", f"{cls.__module__}.{cls.__name__}", "members", "undoc-members")


def _directive(name: str, of: str, *options: str) -> str:
    lines = (f".. {name}:: {of}", *(f"   :{option}:" for option in options))
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n"
