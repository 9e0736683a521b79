"""Which architectures a file of weights can be of, by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from imgcls import hashing, light_imports, messages
from imgcls.models.weights import files, fingerprints, fit, reader, stated_names, unwrap
from imgcls.models.weights.fingerprints import Table
from imgcls.models.weights.fit import Shapes


@dataclass(frozen=True)
class Recognition:
    """``architectures``: full names, such as ``timm:resnet50``, of all whose tensors have these names and shapes.

    Where the file itself states which of them it is of, only that one. ``classes``: the number of outputs of the
    classifier, None where no architecture was recognised. ``remark``: one line: what was recognised, and what to write
    in the model's table. ``by_order``: the names are others, and only the shapes in their order are the same.
    """

    architectures: tuple[str, ...]
    classes: int | None
    remark: str
    by_order: bool = False


class _Match(NamedTuple):
    """The architectures of a fingerprint, and the sizes that it leaves out; ``channels``: None where it has them."""

    architectures: tuple[str, ...]
    classes: int
    channels: int | None = None

    @property
    def has_other_channels(self) -> bool:
        return self.channels not in {None, 3}


def recognise(path: Path) -> Recognition:
    """The architectures of torchvision and timm that a file of weights, or a folder with one, can be of.

    Only names and shapes are compared; of safetensors only the header is read. Raises what
    :func:`imgcls.models.weights.reader.read` raises.
    """
    file = files.located(path)
    if own := stated_names.of_training(file):
        name, classes = own
        return Recognition((name,), classes, f"{file} states that it holds {name}, {_with(classes)}")
    content = reader.content(file)
    shapes, table = fit.shapes(unwrap.state_dict(content, file).tensors), fingerprints.shipped()
    match = next(filter(None, (_match(bare, table) for bare in _without_prefixes(shapes))), None)
    if match is None:
        return _of_other_names(file, shapes, table)
    if match.has_other_channels:
        return _of_other_channels(match, content, file)
    names = stated_names.narrowed(match.architectures, content, file)
    if published := _published(names, file):
        name, tag = published
        return Recognition((name,), match.classes, f'{file} is published as {name}: write weights = "{tag}"')
    remark = _remark(names, match.classes, file, is_stated=names != match.architectures)
    return Recognition(names, match.classes, remark)


def _without_prefixes(shapes: Shapes) -> Iterator[Shapes]:
    """The tensors that make an architecture, and the same without the first part of each name, while they differ."""
    bare = fingerprints.relevant(shapes)
    while True:
        yield bare
        shorter = fingerprints.relevant({name.partition(".")[2]: shape for name, shape in bare.items()})
        if "" in shorter or len(shorter) < len(bare) or not shorter:
            return
        bare = shorter


def _match(shapes: Shapes, table: Table) -> _Match | None:
    """The architectures whose fingerprint these tensors have, with some head and some number of channels."""
    for head, stem in fingerprints.free_dimensions(shapes, table):
        free = head | {stem} if stem else head
        if names := table.architectures.get(fingerprints.fingerprint(shapes, free)):
            [classes] = fingerprints.sizes(shapes, head)
            return _Match(names, classes, shapes[stem.tensor][stem.number] if stem else None)
    return None


def _of_other_channels(match: _Match, content: Any, file: Path) -> Recognition:
    """Only timm builds its networks for another number of channels than three."""
    channels = messages.counted(match.channels or 0, "channel")
    names = tuple(name for name in match.architectures if name.startswith("timm:"))
    if not names:
        return Recognition(
            (), None,
            f"{file} has the tensors of {messages.named(match.architectures)} but for a first layer that reads "
            f'{channels}, which torchvision does not build: give your own factory, arch = "python:MODULE:FUNCTION"',
        )  # fmt: skip
    narrowed = stated_names.narrowed(names, content, file)
    option = f"its first layer reads {channels}: write options = {{ in_chans = {match.channels} }}"
    remark = _remark(narrowed, match.classes, file, is_stated=narrowed != names)
    return Recognition(narrowed, match.classes, f"{remark}; {option}")


def _with(classes: int) -> str:
    return f"with {messages.counted(classes, 'class')}"


def _remark(names: Sequence[str], classes: int, file: Path, *, is_stated: bool) -> str:
    if len(names) == 1:
        reason = " as it states," if is_stated else ""
        return f"{file} holds weights of {names[0]},{reason} {_with(classes)}"
    outputs, count = messages.counted(classes, "class"), len(names)
    return (
        f"{file} has {outputs}, and the names and shapes of {count} architectures: {messages.named(names)}; their "
        "outputs or their input settings differ: write in `arch` the one that it was trained as"
    )


def _published(names: Sequence[str], file: Path) -> tuple[str, str] | None:
    """The architecture of torchvision, and the tag, that a file is published as: by its name, and the hash in that."""
    own = [name.removeprefix("torchvision:") for name in names if name.startswith("torchvision:")]
    _, _, digits = file.stem.rpartition("-")
    if not own or not digits:
        return None
    models = light_imports.torchvision("torchvision.models")
    for name in own:
        for tag, weights in models.get_model_weights(name).__members__.items():
            is_named = PurePosixPath(urlsplit(weights.url).path).name == file.name
            if is_named and hashing.file_sha256(file).startswith(digits):
                return f"torchvision:{name}", tag
    return None


def _of_other_names(file: Path, shapes: Shapes, table: Table) -> Recognition:
    """Tensors whose names no architecture has; where their order and shapes are known, how to load them."""
    libraries = " or ".join(f"{name} {table.versions[name]}" for name in ("torchvision", "timm"))
    tensors = messages.counted(len(shapes), "tensor")
    match = _match(fingerprints.in_order(shapes), table)
    if match is None or match.has_other_channels:
        return Recognition(
            (), None,
            f"{file} holds {tensors} of names or shapes that no architecture of {libraries} has (another image size "
            'makes others, too): write `arch` yourself, for a network of your own arch = "python:MODULE:FUNCTION"',
        )  # fmt: skip
    remark = (
        f"{file} holds {tensors} of names that no architecture of {libraries} has; their shapes, in this order, are "
        f"those of {messages.named(match.architectures)}: if it is one of these, name it in `arch` and write "
        'match = "order"'
    )
    return Recognition(match.architectures, match.classes, remark, by_order=True)
