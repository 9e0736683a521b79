"""Timm's networks, with the weights and the preprocessing of its pretrained configurations."""

from typing import Any

from imgcls import messages
from imgcls.data import labels
from imgcls.errors import ConfigError, ModelError
from imgcls.models.sources import base
from imgcls.models.sources.base import Source
from imgcls.models.sources.torchvision import AUXILIARY_HEADS
from imgcls.models.weights import download, reader
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList


class TimmSource(Source):
    """``timm:NAME``, where the name may have a tag of published weights."""

    libraries = ("timm",)
    traceable = True

    def build(self, spec: ModelSpec) -> Any:
        import timm

        return timm.create_model(_full_name(spec), pretrained=False, **spec.options)

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """The state dict is fitted to the network as timm's own loader does."""
        import timm

        file = download.from_timm(_config_that_fits(spec))
        state = reader.read(file)
        file_sha256 = base.checked_sha256(spec, file)
        try:
            module = timm.create_model(
                _full_name(spec), pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **spec.options
            )
        except TypeError as error:
            raise base.build_error(spec, error) from error
        except (ValueError, AssertionError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"[models.{spec.name}] {file} does not fit {spec.arch}: {base.first_lines(error)}"
            ) from error
        module.pretrained_cfg.pop("state_dict", None)
        return module, file_sha256

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:
        return AUXILIARY_HEADS if spec.architecture.name == "inception_v3" else ()

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        """timm's own evaluation transform (``transforms_imagenet_eval``) at its test input size."""
        data = _data(spec)
        _, height, width = data["input_size"]
        scale = (int(height / data["crop_pct"]), int(width / data["crop_pct"]))
        return InputSpec(
            resize=scale,
            crop=(height, width),
            crop_mode=data["crop_mode"],
            interpolation=data["interpolation"],
            mean=data["mean"],
            std=data["std"],
        )

    def crop_pct(self, spec: ModelSpec) -> float | None:
        return float(_data(spec)["crop_pct"])

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        from timm.data import infer_imagenet_subset

        config = _config(spec)
        if config.label_names:
            return LabelList(spec.architecture.name, tuple(config.label_names))
        subset = infer_imagenet_subset(config.to_dict())
        return labels.imagenet(subset) if subset else None


SOURCE = TimmSource()


def _config(spec: ModelSpec) -> Any:
    """timm's pretrained configuration of an architecture, whose tag is part of its name or given by ``weights``.

    Raises ConfigError, naming the nearest, for an architecture or a tag that timm does not have.
    """
    import timm

    arch, _, own_tag = spec.architecture.name.partition(".")
    if not timm.is_model(arch):
        raise ConfigError(f"timm has no architecture '{arch}'{messages.nearest_three(arch, timm.list_models())}")
    full_name = f"{arch}.{base.published_tag(spec) or own_tag}".rstrip(".")
    try:
        return timm.models.get_pretrained_cfg(full_name, allow_unregistered=False)
    except RuntimeError as error:
        tags = [n.partition(".")[2] for n in timm.list_pretrained(f"{arch}.*")]
        raise ConfigError(f"timm publishes no '{full_name}'; tags of {arch}: {', '.join(tags) or 'none'}") from error


def _config_that_fits(spec: ModelSpec) -> dict[str, Any]:
    """The pretrained configuration. Raises ConfigError where options request another number of classes."""
    config: dict[str, Any] = _config(spec).to_dict()
    if spec.options.get("num_classes", config["num_classes"]) != config["num_classes"]:
        raise ConfigError(
            f"[models.{spec.name}] the published weights of {spec.architecture.name} have {config['num_classes']} "
            f"classes, and options request {spec.options['num_classes']}: a head is never replaced by random values"
        )
    return config


def _data(spec: ModelSpec) -> Any:
    from timm.data import resolve_data_config

    return resolve_data_config({}, pretrained_cfg=_config(spec).to_dict(), use_test_size=True)


def _full_name(spec: ModelSpec) -> str:
    """The name as timm takes it, with the tag that ``weights`` names."""
    name, tag = spec.architecture.name, base.published_tag(spec)
    return f"{name.partition('.')[0]}.{tag}" if tag else name
