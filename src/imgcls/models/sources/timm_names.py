"""What a name of timm means: today's name of an old one, a repository, a folder, or what is not a classifier."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from imgcls import hashing, light_imports, messages
from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.models.sources import base, places
from imgcls.models.weights import files
from imgcls.records.config import ModelSpec, PublishedWeights, RandomWeights

HUB, FOLDER = "hf-hub:", "local-dir:"

CONFIG = "config.json"

IMAGE_TOWERS = ("clip", "_pe_core_")
"""Words in the names of image encoders that were trained with text, unless they have classes of ImageNet since."""


class Network(NamedTuple):
    """What timm builds: ``name`` and ``arguments`` of ``timm.create_model``, and its pretrained configuration.

    ``overriding``: the configuration of a network that timm itself does not list; ``folder``: where that was read.
    """

    name: str
    config: Any
    arguments: Mapping[str, Any]
    overriding: Any = None
    folder: Path | None = None


def resolve(spec: ModelSpec) -> Network:
    """The network that a name means, whose tag may be part of it or given by ``weights``.

    Raises ConfigError, naming the nearest, for what does not exist, and WeightsMissing where it cannot be fetched.
    """
    name = spec.architecture.name
    if name.startswith((HUB, FOLDER)):
        _require_no_tag(spec)
        return _from_folder(spec, _folder(spec))
    full_name = _full_name(spec)
    return Network(full_name, _published(full_name), {})


def current(name: str) -> str:
    """Today's name of an architecture that timm has renamed, with its tag; any other name as it is."""
    architecture, _, tag = name.partition(".")
    new = light_imports.timm("timm.models").get_deprecated_models().get(architecture)
    if new is None:
        return name
    return f"{new.partition('.')[0]}.{tag}" if tag else str(new)


def weights_file(spec: ModelSpec) -> Path:
    """The file of the published weights. Raises ConfigError, WeightsMissing, and ModelError for foreign formats."""
    from imgcls.models.weights import download  # which imports what requests files

    network = resolve(spec)
    if spec.architecture.name.startswith(HUB):
        return download.from_timm({"hf_hub_id": spec.architecture.name.removeprefix(HUB)}, spec.access)
    if network.folder is None:
        return download.from_timm(network.config.to_dict(), spec.access)
    return files.located(network.folder)


def own_files(spec: ModelSpec) -> dict[str, str]:
    """The sha256 of the file that states how a network outside of timm's own list is built."""
    folder = resolve(spec).folder
    return {CONFIG: hashing.file_sha256(folder / CONFIG)} if folder else {}


def require_classifier(spec: ModelSpec) -> None:
    """Raise ConfigError where the published network, as it is, has no classes."""
    if "num_classes" in spec.options or not isinstance(spec.weights_source, PublishedWeights | RandomWeights):
        return
    network = resolve(spec)
    classes, name = network.config.num_classes, network.name
    if classes == 0:
        what = "is a feature extractor: it has no head, and so no classes"
    elif _is_image_tower(network) and not network.config.label_names:
        what = f"is the image tower of a model of images and text: its {classes} outputs are an embedding, not classes"
    else:
        return
    classifiers = _classifiers(name.partition(".")[0])
    step = f"timm:{classifiers[0]} is a classifier" if classifiers else f"imgcls train FOLDER --arch {spec.arch}"
    train = "" if classifiers else " --weights pretrained makes a classifier of it"
    raise ConfigError(
        f"[models.{spec.name}] {spec.arch} {what}; {step}{train}; or give your own weights, and their num_classes in "
        "options"
    )


def _is_image_tower(network: Network) -> bool:
    infer_imagenet_subset = light_imports.timm("timm.data").infer_imagenet_subset
    is_tower = any(word in network.name for word in IMAGE_TOWERS)
    return is_tower and infer_imagenet_subset(network.config.to_dict()) is None


def _classifiers(architecture: str) -> list[str]:
    """The published classifiers of an architecture."""
    timm, infer_imagenet_subset = light_imports.timm(), light_imports.timm("timm.data").infer_imagenet_subset
    names = timm.list_pretrained(f"{architecture}.*")
    return [name for name in names if infer_imagenet_subset(timm.get_pretrained_cfg(name).to_dict())]


def _full_name(spec: ModelSpec) -> str:
    """The name as timm takes it, with the tag that ``weights`` names."""
    name, tag = current(spec.architecture.name), base.published_tag(spec)
    return f"{name.partition('.')[0]}.{tag}" if tag else name


def _published(full_name: str) -> Any:
    timm = light_imports.timm()
    architecture = full_name.partition(".")[0]
    if not timm.is_model(architecture):
        nearest = messages.nearest_three(architecture, timm.list_models())
        raise ConfigError(f"timm has no architecture '{architecture}'{nearest}")
    try:
        return timm.models.get_pretrained_cfg(full_name, allow_unregistered=False)
    except RuntimeError as error:
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
        raise ConfigError(
            f"timm publishes no '{full_name}'; tags of {architecture}: {', '.join(tags) or 'none'}"
        ) from error


def _require_no_tag(spec: ModelSpec) -> None:
    if tag := base.published_tag(spec):
        raise ConfigError(
            f"[models.{spec.name}] weights: {spec.arch} has one file of weights and no tag '{tag}': leave `weights` "
            "out, or name a file"
        )


def _folder(spec: ModelSpec) -> Path:
    """The folder of a network that timm itself does not list."""
    name = spec.architecture.name
    if name.startswith(HUB):
        return places.from_hub(spec, name.removeprefix(HUB), CONFIG)
    return places.folder(spec, name.removeprefix(FOLDER), CONFIG)


def _from_folder(spec: ModelSpec, folder: Path) -> Network:
    models, hub = light_imports.timm("timm.models"), light_imports.timm("timm.models._hub")
    try:
        values, name, arguments = hub.load_model_config_from_path(folder)
        config = replace(models.PretrainedCfg(**values), source=None, file=None, url=None, hf_hub_id=None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"[models.{spec.name}] {folder / CONFIG} is not a configuration of timm ({type(error).__name__}: "
            f'{one_line(error)}); for a model of Transformers write arch = "transformers:PATH"'
        ) from error
    if not models.is_model(name):
        raise ConfigError(f"[models.{spec.name}] {folder / CONFIG}: timm has no architecture '{name}'")
    return Network(name, config, arguments, config, folder)
