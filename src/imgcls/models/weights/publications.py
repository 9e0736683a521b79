"""Which file a library publishes for a network, read from its source code: importing it would take seconds.

Only what is written out there is taken. Where the code computes it there is nothing here, and the library is to be
imported.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from imgcls.records.config import ModelSpec, PublishedWeights
from imgcls.records.weights import PublishedFile

CONFIG = "config.json"
HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # the order timm tries them in
_TIMMS_OWN = "timm/"
_REGISTERED = re.compile(r"^@register_model(?:\(\))?\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)


class _Entry(NamedTuple):
    """What timm publishes under a tag; ``files``: in a repository, of which the first that is there is loaded."""

    tag: str
    repository: str | None
    files: tuple[str, ...]
    is_default: bool


def of(spec: ModelSpec) -> tuple[PublishedFile, ...]:
    """The published files of which a model loads one before anything else; empty where only its library knows."""
    weights, architecture = spec.weights_source, spec.architecture
    if not isinstance(weights, PublishedWeights) or _exists(spec.folder / architecture.name):
        return ()
    if architecture.source == "torchvision":
        return _of_torchvision(architecture.name, weights.tag)
    if architecture.source == "transformers":
        return _configuration(architecture.name)
    if architecture.source != "timm":
        return ()
    if architecture.name.startswith("hf-hub:"):
        return _configuration(architecture.name.removeprefix("hf-hub:"))
    name, _, tag = architecture.name.partition(".")
    return _of_timm(name, weights.tag or tag)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - pathlib's may raise


def is_torchvisions(name: str) -> bool:
    """Whether torchvision has a classifier of this name."""
    return _defining("torchvision", name) is not None


def is_timms(name: str) -> bool:
    """Whether timm has a network of this name, which has no tag."""
    return _defining("timm", name) is not None


def torchvisions(url: str) -> str | None:
    """The classifier whose default weights torchvision publishes at a URL; None where there is none."""
    names = [name for text in _modules("torchvision") if url in text for name in _REGISTERED.findall(text)]
    return next((name for name in names if [file.url for file in _of_torchvision(name, None)] == [url]), None)


def _configuration(repository: str) -> tuple[PublishedFile, ...]:
    """What is read first of a repository on the hub."""
    name, _, revision = repository.partition("@")
    is_repository = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name)
    return (PublishedFile(CONFIG, repository=name, revision=revision or None),) if is_repository else ()


# torchvision.


def _of_torchvision(name: str, tag: str | None) -> tuple[PublishedFile, ...]:
    module = _defining("torchvision", name)
    enum = _class(module, _annotated(module, name)) if module else None
    values = dict(_assignments(enum)) if enum else {}
    value = values.get(tag or "DEFAULT")
    if isinstance(value, ast.Name):
        value = values.get(value.id)
    url = _texts(value).get("url") if isinstance(value, ast.Call) else None
    if not url:
        return ()
    return (PublishedFile(urlsplit(url).path.rpartition("/")[2], url),)


def _annotated(module: ast.Module, function: str) -> str:
    """The enum of weights in the signature of a function that builds a network."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            words = [word.id for each in node.args.kwonlyargs for word in ast.walk(each) if isinstance(word, ast.Name)]
            return next((word for word in words if word.endswith("_Weights")), "")
    return ""


def _class(module: ast.Module, name: str) -> ast.ClassDef | None:
    return next((node for node in module.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _assignments(definition: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for node in definition.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


# timm.


def _of_timm(name: str, tag: str) -> tuple[PublishedFile, ...]:
    module = _defining("timm", name)
    entries = list(_entries(module, name)) if module else []
    if not entries or not all(entries):
        return ()
    known = [entry for entry in entries if entry]
    entry = next((each for each in known if each.tag == tag), None) if tag else _default(known)
    if entry is None or entry.repository is None:
        return ()
    full_name = f"{name}.{entry.tag}" if entry.tag else name
    repository = f"{_TIMMS_OWN}{full_name}" if entry.repository == _TIMMS_OWN else entry.repository
    repository, _, revision = repository.partition("@")
    return tuple(PublishedFile(file, repository=repository, revision=revision or None) for file in entry.files)


def _default(entries: list[_Entry]) -> _Entry | None:
    """What timm takes where no tag is named: what it marks so, else the first."""
    marked = [entry for entry in entries if entry.is_default or not entry.tag]
    return marked[0] if len(marked) == 1 else None if marked else entries[0]


def _entries(module: ast.Module, name: str) -> Iterator[_Entry | None]:
    """The tags of an architecture in their order, None for one that is not written out."""
    for key, value in _keys(module):
        architecture, _, tag = key.partition(".")
        if architecture != name:
            continue
        if not isinstance(value, ast.Call) or any(keyword.arg is None for keyword in value.keywords):
            yield None
            continue
        texts = _texts(value)
        computed = {keyword.arg for keyword in value.keywords} - set(texts)
        files = (texts["hf_hub_filename"],) if "hf_hub_filename" in texts else HUB_FILES
        entry = _Entry(tag.strip("*"), texts.get("hf_hub_id"), files, tag.endswith("*"))
        yield None if computed & {"hf_hub_id", "hf_hub_filename", "file"} else entry


def _keys(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What timm's tables of a module have: dictionaries that are, or become, ``default_cfgs``."""
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        table = getattr(node, "value", None)
        if isinstance(table, ast.Call) and getattr(table.func, "id", "") == "generate_default_cfgs" and table.args:
            table = table.args[0]
        if isinstance(table, ast.Dict) and getattr(target, "id", "") == "default_cfgs":
            for key, value in zip(table.keys, table.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


# Source code.


def _texts(call: ast.Call) -> dict[str, str]:
    """The keyword arguments that are written out as texts."""
    constants = {each.arg: each.value.value for each in call.keywords if isinstance(each.value, ast.Constant)}
    return {name: value for name, value in constants.items() if name and isinstance(value, str)}


@cache
def _defining(library: str, function: str) -> ast.Module | None:
    """The module of a library's networks that registers a function of this name; None where there is none."""
    for text in _modules(library):
        if f"def {function}(" in text and function in _REGISTERED.findall(text):
            return ast.parse(text)
    return None


def _modules(library: str) -> Iterator[str]:
    """The text of each module of a library's networks."""
    package = find_spec(library)
    folder = Path(package.origin).parent / "models" if package and package.origin else None
    for file in sorted(folder.glob("*.py")) if folder else ():
        yield file.read_text("utf-8")
