"""Which models, datasets and devices a test is given."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest

from imgcls.messages import nearest
from imgcls.plugin import MARKER, OURS, PREFIX, ownership
from imgcls.plugin.items import DatasetHandle, ExportHandle, ModelHandle, ServingHandle

if TYPE_CHECKING:
    from imgcls.plugin.projects import Project

OF_DEPLOYMENT = ("imgcls_parity", "imgcls_serving")
PARAMETERS = ("imgcls_model", "imgcls_dataset", "imgcls_device", *OF_DEPLOYMENT)


HANDLES = (ModelHandle, DatasetHandle, ExportHandle, ServingHandle)


class Generation:
    """One test function and the parameters of its fixtures, which a configuration has.

    What marks and hooks of others parametrize is noted first: it goes before the configuration, and behind it in the
    test's identity.
    """

    def __init__(self, metafunc: pytest.Metafunc, project: Project | None) -> None:
        self.metafunc, self.project, self.test = metafunc, project, metafunc.definition
        self.definitions = ownership.definitions_of(self.test)
        self._parametrize = metafunc.parametrize
        self._signature = inspect.signature(metafunc.parametrize)
        self._noted: list[inspect.BoundArguments] = []

    def begin(self) -> None:
        """Before all hooks of others."""
        if self.project:
            self.metafunc.parametrize = self._note  # type: ignore[method-assign]

    def end(self) -> None:
        """After them."""
        if self.project is None:
            return
        self.metafunc.parametrize = self._parametrize  # type: ignore[method-assign]
        self._check_marker()
        for name in self._needed():
            self._parametrize(name, list(self._values(name)), indirect=True, ids=_identity, scope=_scope([name]))
        for call in self._noted:
            self._translate(call)
            self._parametrize(*call.args, **call.kwargs)

    def _note(self, *args: Any, **keywords: Any) -> None:
        self._noted.append(self._signature.bind(*args, **keywords))

    def _needed(self) -> list[str]:
        """Our fixtures that the test requests and nobody parametrizes."""
        given = {name for call in self._noted for name in _indirect(call)}
        direct = {name for call in self._noted for name in _names(call)} - given
        if own := sorted(direct & OURS):
            raise self._error(
                f"@pytest.mark.parametrize: {own[0]} is a fixture of imgcls; name values with indirect=True"
            )
        info: Any = self.test._fixtureinfo  # noqa: SLF001 - pytest has no other door to what a test requests
        rest = {name: known for name, known in self.definitions.items() if name not in direct}
        needed = ownership.reachable(info.initialnames, rest) - {self._canonical(name) for name in given}
        ours = [name for name in self.metafunc.fixturenames if name in PARAMETERS and name in needed]
        return sorted(
            ours, key=lambda name: name not in OF_DEPLOYMENT
        )  # a test's identity begins with what it is about

    def _values(self, name: str) -> Iterable[Any]:
        assert self.project is not None  # noqa: S101 - nothing is parametrized without one
        if name == "imgcls_device":
            from imgcls.system import machine

            requested = self.metafunc.config.getoption("--imgcls-device")
            return [requested] if requested else ["cpu", "cuda"][: 1 + machine.has_gpu()]
        if name in OF_DEPLOYMENT:
            handles: Mapping[str, Any] = self._known[name]
            models = {model.name for model in self._values("imgcls_model")}
            return [handle for handle in handles.values() if getattr(handle, "model", handle.name) in models]
        kind = f"{name.removeprefix(PREFIX)}s"
        marked = self._marked().get(kind)
        if marked is not None:
            return [self._value(name, value, f"@pytest.mark.{MARKER}") for value in marked]
        return self.project.selected(kind)

    def _marked(self) -> Mapping[str, Sequence[str]]:
        """What the marker ``imgcls`` selects."""
        mark = self.test.get_closest_marker(MARKER)
        if mark is None:
            return {}
        for keyword, names in mark.kwargs.items():
            if keyword not in ("models", "datasets"):
                raise self._error(f"@pytest.mark.imgcls: {keyword}{nearest(keyword, ('models', 'datasets'))}")
            if not isinstance(names, list | tuple) or not names:
                raise self._error(f"@pytest.mark.imgcls: {keyword} = {names!r} is not a list of names")
        if mark.args:
            raise self._error("@pytest.mark.imgcls takes models=[...] and datasets=[...]")
        return mark.kwargs

    def _check_marker(self) -> None:
        """What the marker names is configured, whatever the test requests."""
        for kind, names in self._marked().items():
            for value in names:
                self._value(f"{PREFIX}{kind.removesuffix('s')}", value, f"@pytest.mark.{MARKER}")

    def _value(self, name: str, value: Any, where: str) -> Any:
        """The parameter that a name in a mark means."""
        assert self.project is not None  # noqa: S101 - nothing is parametrized without one
        if isinstance(value, HANDLES):
            return value
        known = self._known[name]
        if not isinstance(value, str) or value not in known:
            kind = {"imgcls_parity": "export", "imgcls_serving": "serving of a model"}.get(
                name, name.removeprefix(PREFIX)
            )
            place = "" if kind == "device" else f" in {self.project.name}"
            raise self._error(f"{where}: no {kind} {value!r}{place}{nearest(str(value), known)}")
        return known[value]

    @property
    def _known(self) -> Mapping[str, Mapping[str, Any]]:
        """What is configured for each of our parameters, by name."""
        from imgcls.system import devices

        assert self.project is not None  # noqa: S101 - nothing is parametrized without one
        known_devices = {name: name for name in devices.DEVICES}
        project = self.project
        known = (project.models, project.datasets, known_devices, project.exports, project.servings)
        return dict(zip(PARAMETERS, known, strict=True))

    def _error(self, message: str) -> Exception:
        return pytest.Collector.CollectError(f"{self.test.nodeid}: {message}")

    # Marks and hooks that parametrize our fixtures, also by their short names.

    def _canonical(self, name: str) -> str | None:
        """Our own name of a fixture that is parametrized, where it is ours."""
        own = name if name.startswith(PREFIX) else f"{PREFIX}{name}"
        if own not in PARAMETERS or own not in self.metafunc.fixturenames:
            return None
        is_requested = name in self.metafunc.fixturenames
        return own if name == own or not is_requested or ownership.is_ours(name, self.definitions) else None

    def _translate(self, call: inspect.BoundArguments) -> None:
        """Let names of models, datasets and devices in a call mean what is configured."""
        names, indirect = _names(call), _indirect(call)
        own = [self._canonical(name) if name in indirect else None for name in names]
        if not any(own):
            return
        renamed = [canonical or name for name, canonical in zip(names, own, strict=True)]
        is_single = len(names) == 1 and isinstance(call.arguments["argnames"], str)
        translate = partial(self._translated_set, own, is_single=is_single)
        call.arguments["argvalues"] = [translate(given) for given in call.arguments["argvalues"]]
        call.arguments["argnames"] = renamed[0] if is_single else renamed
        call.arguments["indirect"] = [new for name, new in zip(names, renamed, strict=True) if name in indirect]
        call.arguments.setdefault("ids", _identity)
        call.arguments.setdefault("scope", _scope(renamed))

    def _translated_set(self, own: Sequence[str | None], given: Any, *, is_single: bool) -> Any:
        """One set of a mark's values, as it is written: a value, a tuple of them, or a ``pytest.param``."""
        if hasattr(given, "marks") and hasattr(given, "values"):
            return given._replace(values=self._translated_values(own, given.values))
        if is_single:
            return self._translated_values(own, [given])[0]
        return self._translated_values(own, given)

    def _translated_values(self, own: Sequence[str | None], values: Sequence[Any]) -> tuple[Any, ...]:
        translate = partial(self._value, where="@pytest.mark.parametrize")
        return tuple(translate(name, value) if name else value for name, value in zip(own, values, strict=True))


def _names(call: inspect.BoundArguments) -> list[str]:
    """What a call of ``parametrize`` gives values."""
    names: str | Sequence[str] = call.arguments["argnames"]
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else list(names)


def _indirect(call: inspect.BoundArguments) -> set[str]:
    """What of it are parameters of fixtures."""
    indirect: bool | Sequence[str] = call.arguments.get("indirect", False)
    return set(_names(call) if isinstance(indirect, bool) else indirect) if indirect else set()


def _scope(names: Iterable[str]) -> Literal["function", "session"]:
    """A session shares models and datasets; an export and a serving are of one test."""
    return "session" if set(OF_DEPLOYMENT).isdisjoint(names) else "function"


def _identity(value: object) -> str | None:
    """How a parameter stands in a test's identity; pytest knows the others."""
    return value.name if isinstance(value, HANDLES) else None
