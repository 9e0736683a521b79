"""The size of a network that takes images of one size only: its option and ``[models.NAME.input]`` imply each other."""

from imgcls.errors import ConfigError
from imgcls.models.sources import base, statement
from imgcls.records.config import ModelSpec

Size = tuple[int, int]


def given(spec: ModelSpec, option: str) -> Size | None:
    """The (h, w) of a network's images that its options state. Raises ConfigError where they are no size."""
    value = spec.options.get(option)
    if value is None:
        return None
    sides = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ConfigError(
            f"[models.{spec.name}] options: {option} must be a whole number of pixels or [h, w], not {value!r}"
        )
    return (sides[0], sides[1])


def implied(spec: ModelSpec, option: str) -> Size | None:
    """The (h, w) that ``crop`` requires of a network whose options state none; None where nothing is required.

    Raises ConfigError where the two contradict each other.
    """
    crop, stated = _crop(spec), given(spec, option)
    if crop is None or crop == stated:
        return None
    if stated is not None:
        raise ConfigError(
            f"[models.{spec.name}] options: {option} = {shortest(stated)} and [models.{spec.name}.input] "
            f"crop = {shortest(crop)} contradict each other: give one of the two"
        )
    return crop


def fixed(spec: ModelSpec, size: Size, error: Exception) -> ConfigError:
    """The error for a network that cannot be built for the configured crop; ``size``: that it is published for."""
    return ConfigError(
        f"[models.{spec.name}] {spec.arch} takes images of one size, and cannot be built for the crop in "
        f"[models.{spec.name}.input] ({base.first_lines(error, 1)}): set crop = {shortest(size)}, as it is published"
    )


def shortest(size: Size) -> int | Size:
    """A size as configurations have it: one number for a square."""
    return size[0] if size[0] == size[1] else size


def _crop(spec: ModelSpec) -> Size | None:
    crop = {**statement.of(spec).input, **spec.input}.get("crop")
    return (crop, crop) if isinstance(crop, int) else crop
