"""Image classifiers of Hugging Face Transformers; the extra ``imgcls[transformers]``."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imgcls import hashing, messages
from imgcls.errors import ConfigError, MachineError, WeightsMissing
from imgcls.messages import one_line
from imgcls.models.sources import base, places, statement
from imgcls.models.sources.base import Source
from imgcls.models.weights import download, files, lock
from imgcls.preprocessing import preprocess, transforms
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.weights import PublishedFile, WeightsAccess

OPTIONS = {"num_classes": "num_labels"}
"""What options are called there that every source has."""


TRUST = "trust_remote_code"
"""What allows Transformers to run code of a folder or a repository; without a value it would ask at the terminal."""


ALLOWED = 0.1  # docs/decisions.md#processors-of-transformers
"""How far a value of our tensor may be from the processor's own."""


class TransformersSource(Source):
    """``transformers:PATH_OR_ID``: a folder as ``save_pretrained`` writes it, or ``ORG/NAME[@REVISION]`` on the hub."""

    libraries = ("transformers",)

    def build(self, spec: ModelSpec) -> Any:
        return _library().AutoModelForImageClassification.from_config(_config(spec), **{TRUST: False})

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        return base.from_file(spec, self.published_file(spec))

    def published_file(self, spec: ModelSpec) -> Path:
        return _weights_file(spec)

    def as_named(self, module: Any, tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        """As its own loader names them: files have the names of older versions. What does not fit stays as it is."""
        if tensors.keys() == module.state_dict().keys():
            return tensors
        with _quiet():
            loaded, report = type(module).from_pretrained(
                None,
                config=module.config,
                state_dict=dict(tensors),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        mismatched = {name for name, *_ in report["mismatched_keys"]}
        absent = {*report["missing_keys"], *mismatched}
        named = {name: tensor for name, tensor in loaded.state_dict().items() if name not in absent}
        others = {name: tensors[name] for name in {*report["unexpected_keys"], *mismatched} if name in tensors}
        return {**named, **others}

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        """As its processor states it; None where it has none, or one that does more than settings can state."""
        folder = _folder(spec)
        stated = statement.next_to(folder / files.PUBLISHED_NAMES[0]).input
        needed = {"resize", "crop", "crop_mode", "interpolation", "mean", "std"}
        if needed - stated.keys():
            return None
        crop = stated["crop"]
        whole = InputSpec(**{**stated, "crop": (crop, crop) if isinstance(crop, int) else crop})
        return whole if _is_all(folder, whole) else None

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        labels = statement.next_to(_folder(spec) / files.PUBLISHED_NAMES[0]).labels
        return None if "num_classes" in spec.options or "num_labels" in spec.options else labels

    def channels(self, spec: ModelSpec) -> int | None:
        count = getattr(_config(spec), "num_channels", None)
        return count if isinstance(count, int) else None

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:  # noqa: ARG002 - the file states it all
        return {statement.CONFIG: hashing.file_sha256(_folder(spec) / statement.CONFIG)}


SOURCE = TransformersSource()


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars of progress and no reports on the standard error stream."""
    log = _library().utils.logging
    level, has_bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if has_bars:
            log.enable_progress_bar()


def _library() -> Any:
    """Transformers. Raises MachineError where it is not installed."""
    try:
        import transformers
    except ImportError as error:
        raise MachineError(
            f"transformers:… needs a package that is not installed ({one_line(error)}): "
            "pip install 'imgcls[transformers]'"
        ) from error
    return transformers


def _folder(spec: ModelSpec) -> Path:
    """The folder with ``config.json``. Raises ConfigError where there is none, WeightsMissing."""
    name = spec.architecture.name
    if places.local(spec, name):
        return places.folder(spec, name, statement.CONFIG)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(@\S+)?", name) or name.startswith("."):
        return places.folder(spec, name, statement.CONFIG)  # raises: there is none
    folder = places.from_hub(spec, name, statement.CONFIG)
    if spec.access.lock is None and spec.access.gathering is None:
        _fetch_processor(name, folder, replace(spec.access, model=""))
    else:
        _listed_processor(spec.access, name, folder)
    return folder


@cache
def _fetch_processor(repository: str, folder: Path, access: WeightsAccess) -> None:
    """Its settings next to the configuration, where there are any; requested once, because most of it is waiting.

    ``folder``: the snapshot in the hub's cache.
    """
    if not (folder / statement.PROCESSOR).exists():
        with suppress(WeightsMissing):  # then the configuration must give the input
            download.published(_processor(repository), access)


def _listed_processor(access: WeightsAccess, repository: str, folder: Path) -> None:
    """Its settings next to the configuration, where a lock lists some, or where there are some to be listed.

    Raises what :func:`download.published` raises, and WeightsMissing where they lie in another folder.
    """
    file = _processor(repository)
    is_listed = access.lock is not None and access.lock.entry(file) is not None
    if not is_listed and access.gathering is None:
        return
    try:
        path = download.published(file, access)
    except download.NotPublished:
        if is_listed:
            raise
        return
    if path.parent != folder:
        raise WeightsMissing(
            f"{folder} lacks {file.name}, which the lock lists: `imgcls weights fetch{lock.models_option(access)} "
            "--to DIR` puts it there"
        )


def _processor(repository: str) -> PublishedFile:
    name, _, revision = repository.partition("@")
    return PublishedFile(statement.PROCESSOR, repository=name, revision=revision or None)


def _config(spec: ModelSpec) -> Any:
    """The configuration of Transformers, with the options. Raises ConfigError for what it does not have."""
    if TRUST in spec.options:
        raise _own_code(spec)
    folder, library = _folder(spec), _library()
    options = {OPTIONS.get(key, key): value for key, value in spec.options.items()}
    try:
        config, unknown = library.AutoConfig.from_pretrained(
            folder, local_files_only=True, return_unused_kwargs=True, **{TRUST: False}, **options
        )
    except (ValueError, TypeError, KeyError, OSError) as error:
        if TRUST in str(error):
            raise _own_code(spec) from error
        raise base.build_error(spec, error) from error
    for key in ("local_files_only", TRUST):
        unknown.pop(key, None)
    if unknown:
        key = next(iter(unknown))
        raise ConfigError(
            f"[models.{spec.name}] options: {spec.arch} has no {key}{messages.nearest_three(key, config.to_dict())}"
        )
    return config


def _own_code(spec: ModelSpec) -> ConfigError:
    """The error for a model that Transformers itself does not have."""
    return ConfigError(
        f"[models.{spec.name}] {spec.arch}: code that comes with a model of Transformers is not run; write a function "
        'that builds it, and name that: arch = "python:MODULE:FUNCTION"'
    )


def _weights_file(spec: ModelSpec) -> Path:
    name = spec.architecture.name
    if base.published_tag(spec):
        raise ConfigError(
            f"[models.{spec.name}] weights: {spec.arch} publishes no '{spec.weights}'; give a file, or leave it out"
        )
    if places.local(spec, name):
        return files.located(_folder(spec))
    return download.from_timm({"hf_hub_id": name}, spec.access)


def _is_all(folder: Path, spec: InputSpec) -> bool:
    """Whether the processor makes of an image what these settings make of it.

    They state sizes, mean and deviation; some processors do more, such as adding an offset. The image is smooth, so
    that neither a shift by a pixel nor another rounding counts.
    """
    try:
        processor = _library().AutoImageProcessor.from_pretrained(folder, local_files_only=True, **{TRUST: False})
        image = transforms.coloured(spec, _ramp())
        theirs = processor(images=image, return_tensors="pt")["pixel_values"][0]
    except Exception:  # noqa: BLE001 - a processor may raise anything, and then it is not known to be the same
        return False
    preprocessing = Preprocessing(spec, "exact")
    ours = preprocess.batch(spec, [preprocessing.crop(_ramp())])[0]
    return ours.shape == theirs.shape and float((ours - theirs).abs().max()) <= ALLOWED


def _ramp() -> Image.Image:
    """An RGB image of 640 x 480 whose channels grow to the right, downwards and in both directions."""
    x, y = np.meshgrid(np.linspace(0, 255, 640), np.linspace(0, 255, 480))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8))
