"""The models of a run: loaded, or known without that."""

from collections.abc import Mapping
from pathlib import Path

from imgcls.errors import ImgclsError, ModelError
from imgcls.messages import one_line
from imgcls.models import descriptions, loader
from imgcls.models.model import Model
from imgcls.models.weights import early
from imgcls.records.config import ModelSpec
from imgcls.records.description import ModelDescription
from imgcls.store.database import Store
from imgcls.system import devices


class ModelPool:
    """Loaded models: each is loaded at the first request, and held until it is released.

    ``artefacts``: a folder for what runtimes leave when they compile, so that the next process need not.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        device: str,
        artefacts: Path | None = None,
        loaded: Mapping[str, Model] | None = None,
    ) -> None:
        """``loaded``: models that the caller holds; they are never released."""
        self.specs, self.device, self.artefacts = specs, device, artefacts
        self._loaded = loaded or {}
        self._results: dict[str, Model | ImgclsError] = {**self._loaded}

    def get(self, name: str) -> Model:
        """The loaded model. Raises what :func:`load` raises, the same again for every later call.

        Anything else that goes wrong with a model is a ModelError, because other models go on.
        """
        if name not in self._results:
            try:
                self._results[name] = _loaded(self.specs[name], self.device, self.artefacts)
            except ImgclsError as error:
                self._results[name] = error
        result = self._results[name]
        if isinstance(result, ImgclsError):
            raise result
        return result

    def known(self, name: str, store: Store) -> Model:
        """The model, which is not loaded before its classifier is needed where the store has its description.

        Raises what :meth:`get` raises; so does its classifier.
        """
        spec = self.specs[name]
        is_new = name not in self._results and store.folder is not None
        about = descriptions.key(spec, self.device) if is_new else None
        if about is None:
            return self.get(name)
        if description := store.description(about):
            return loader.described(spec, description, lambda: self._as_described(name, description, about, store))
        model = self.get(name)
        self._describe(model, about, store)
        return model

    def _describe(self, model: Model, about: str, store: Store) -> None:
        """Store the description of a loaded model, unless what it depends on has changed while it was loaded."""
        description = descriptions.of(model)
        if description and about == descriptions.key(self.specs[model.spec.name], self.device):
            store.put_description(about, description)

    def _as_described(self, name: str, description: ModelDescription, about: str, store: Store) -> Model:
        """The model, loaded. Raises ModelError where it is another one than was described."""
        model = self.get(name)
        if descriptions.of(model) != description:
            self._describe(model, about, store)
            raise ModelError(f"[models.{name}] {model.spec.arch} changed while it was being scored: run again")
        return model

    @property
    def holds_module(self) -> bool:
        """Whether one of its models is a module of the caller, which has no key that another process could know."""
        return any(model.is_module for model in self._loaded.values())

    def release(self, name: str) -> None:
        """Free a model's memory; a later request loads it again."""
        if name not in self._loaded:
            self._results.pop(name, None)
        devices.of(self.device).empty_cache()  # what torch caches is not available to other processes


def _loaded(spec: ModelSpec, device: str, artefacts: Path | None) -> Model:
    if absence := early.absence(spec):
        raise absence
    try:
        return loader.load(spec, device, artefacts)
    except ImgclsError:
        raise
    except Exception as error:  # the libraries' networks check little of what they are given
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"[models.{spec.name}] {spec.arch} cannot be loaded: {reason}") from error
