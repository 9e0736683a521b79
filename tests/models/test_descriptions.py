"""imgcls.models.descriptions: what is remembered of a model is refused when anything that it depends on has changed."""

import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Command
from imgcls import extensions
from imgcls.errors import ModelError
from imgcls.models import descriptions, identity, loader
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.records.config import ExportSpec, ModelSpec, ServingSpec
from imgcls.records.weights import Gathering, LockedFile, WeightsAccess, WeightsLock
from imgcls.store.database import Store
from imgcls.system import devices, machine, versions
from networks import BATCH, RESNET, SQUEEZENET, make_spec, own_spec

pytestmark = pytest.mark.usefixtures("one_thread", "own_caches")

Patch = pytest.MonkeyPatch


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a folder."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def spec(resnet_file: Path, tmp_path: Path) -> ModelSpec:
    """A network with a file of weights and a list of classes of its own."""
    file = shutil.copy(resnet_file, tmp_path / "weights.safetensors")
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"class {number}\n" for number in range(1000)))
    return make_spec(RESNET, weights=Path(file), labels=labels)


def _known(spec: ModelSpec, store: Store, device: str = "cpu") -> Model:
    return ModelPool({spec.name: spec}, device).known(spec.name, store)


# What is remembered.


def test_a_model_is_known_without_being_loaded(spec: ModelSpec, store: Store) -> None:
    """All that was found out about it comes back, and its logits are the same once it is loaded after all."""
    first, again = _known(spec, store), _known(spec, store)
    assert (first.is_loaded, again.is_loaded) == (True, False)
    assert (again.spec, again.info, again.labels) == (first.spec, first.info, first.labels)
    assert again.preprocessing == first.preprocessing
    assert again.prediction_key("pillow") == first.prediction_key("pillow")
    assert torch.equal(again(BATCH), first(BATCH))


def test_another_runtime_has_the_same_key_before_it_is_built(spec: ModelSpec, store: Store, monkeypatch: Patch) -> None:
    """Which predictions are stored is known before anything is loaded or converted."""
    loaded = loader.with_runtime(_known(spec, store), "openvino")
    monkeypatch.setattr(loader, "load", lambda *_: pytest.fail("it was loaded"))
    known = loader.with_runtime(_known(spec, store), "openvino")
    assert (known.prediction_key("pillow"), known.info) == (loaded.prediction_key("pillow"), loaded.info)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_numbers_of_a_configuration_come_back_as_they_were(spec: ModelSpec, store: Store, precision: Any) -> None:
    """A mean of 0 and one of 0.0 have different keys, so that none may become the other in the store."""
    given = replace(spec, precision=precision, input={"mean": (0, 0, 0), "std": (1.0, 1.0, 1.0)})
    keys = {loader.with_runtime(_known(given, store), "eager").prediction_key("pillow") for _ in range(2)}
    assert keys == {loader.load(given, "cpu").prediction_key("pillow")}


def test_the_number_of_outputs_is_known_without_loading(spec: ModelSpec, store: Store, monkeypatch: Patch) -> None:
    """So that labels which do not match are refused for nothing."""
    _known(spec, store)
    monkeypatch.setattr(loader, "load", lambda *_: pytest.fail("it was loaded"))
    assert loader.output_count(_known(spec, store)) == 1000


def test_options_that_weights_bring_along_are_remembered(spec: ModelSpec, store: Store, tmp_path: Path) -> None:
    """A head of another size was found in the file, and is part of what the network is."""
    state = loader.load(spec, "cpu").classifier.module.state_dict()
    few = {name: value[:3] if name.startswith("fc.") else value for name, value in state.items()}
    torch.save(few, tmp_path / "few.pth")
    (tmp_path / "few.txt").write_text("a\nb\nc\n")
    given = replace(spec, weights=tmp_path / "few.pth", labels=tmp_path / "few.txt")
    first, again = _known(given, store), _known(given, store)
    assert again.spec.options == first.spec.options == {"num_classes": 3}
    assert again.info.notes == first.info.notes != ()


def test_nothing_is_remembered_in_memory(spec: ModelSpec) -> None:
    """A store without a folder ends with its process, and hashing a file for it is for nothing."""
    with closing(Store(None)) as store:
        assert [_known(spec, store).is_loaded for _ in range(2)] == [True, True]


# What it depends on.


def _rewritten(spec: ModelSpec, name: str = "", text: bytes = b"\0") -> ModelSpec:
    """One more byte at the end of a file of the configured model, or of one next to its weights."""
    file = Path(str(spec.weights)).with_name(name) if name else Path(str(spec.weights))
    file.write_bytes((file.read_bytes() if file.is_file() else b"") + text)
    return spec


def _another_version(library: str) -> Callable[[ModelSpec, Patch], ModelSpec]:
    def changed(spec: ModelSpec, patch: Patch) -> ModelSpec:
        version = metadata.version
        patch.setattr(metadata, "version", lambda name: "0.0.1" if name == library else version(name))
        return spec

    return changed


def _another_source(pattern: str) -> Callable[[ModelSpec, Patch], ModelSpec]:
    def changed(spec: ModelSpec, patch: Patch) -> ModelSpec:
        sha256 = identity.source_sha256
        patch.setattr(identity, "source_sha256", lambda *patterns: sha256(*patterns) + pattern * (pattern in patterns))
        return spec

    return changed


def _patched(place: object, name: str, value: Any) -> Callable[[ModelSpec, Patch], ModelSpec]:
    def changed(spec: ModelSpec, patch: Patch) -> ModelSpec:
        patch.setattr(place, name, value)
        return spec

    return changed


def _configured(**keys: Any) -> Callable[[ModelSpec, Patch], ModelSpec]:
    return lambda spec, _: replace(spec, **keys)


LOCK = WeightsLock(Path("imgcls.lock"), (LockedFile("weights.safetensors", "0" * 64, 7),))

CONFIGURED: dict[str, dict[str, Any]] = {
    "name": {"name": "other"},
    "arch": {"arch": f"{RESNET}.r160_in1k"},
    "weights": {"weights": "random:1"},
    "sha256": {"sha256": "0" * 64},
    "options": {"options": {"drop_rate": 0.1}},
    "labels": {"labels": "imagenet-1k"},
    "datasets": {"datasets": ("photos",)},
    "runtime": {"runtime": "eager"},
    "precision": {"precision": "bfloat16"},
    "decode": {"decode": "fast"},
    "input": {"input": {"resize": 200}},
    "checkpoint": {"checkpoint": "ema"},
    "match": {"match": "order"},
    "rename": {"rename": {"model.": ""}},
    "output": {"output": "logits"},
    "folder": {"folder": Path("elsewhere")},
    "layout": {"layout": "NHWC"},
    "returns": {"returns": "probabilities"},
    "trust": {"trust": True},
    "exports": {"exports": {"onnx": ExportSpec("onnx", "onnx")}},
    "serving": {"serving": ServingSpec(url="http://localhost")},
    "access": {"access": WeightsAccess(lock=LOCK)},
}  # fmt: skip

AROUND: dict[str, Callable[[ModelSpec, Patch], ModelSpec]] = {
    "weights file": lambda spec, _: _rewritten(spec),
    "labels file": lambda spec, _: _rewritten(spec, "labels.txt", b"one more\n"),
    "config.json": lambda spec, _: _rewritten(spec, "config.json", b"{}"),
    "preprocessor_config.json": lambda spec, _: _rewritten(spec, "preprocessor_config.json", b"{}"),
    "torch.__version__": _patched(versions, "torch", lambda: "99.0"),
    "python": _patched(platform, "python_version", lambda: "2.7"),
    "platform": _patched(platform, "platform", lambda: "other"),
    "instructions": _patched(machine, "vectors", lambda: "avx"),
    "gpu": _patched(machine, "gpu", lambda _: "other"),
    **{library: _another_version(library) for library in (*versions.LIBRARIES, *versions.READERS, "openvino")},
    **{pattern: _another_source(pattern) for pattern in descriptions.SOURCES},
}
CHANGES = {**{key: _configured(**values) for key, values in CONFIGURED.items()}, **AROUND}


def test_every_key_of_a_configuration_is_changed_here() -> None:
    """So that one that is added is not forgotten."""
    assert CONFIGURED.keys() == {field.name for field in fields(ModelSpec)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_description_depends_on(change: str, spec: ModelSpec, monkeypatch: Patch) -> None:
    """Change one thing, and nothing that was remembered before counts."""
    before = descriptions.key(spec, "cpu")
    assert before == descriptions.key(spec, "cpu")
    assert descriptions.key(CHANGES[change](spec, monkeypatch), "cpu") not in {before, None}


REPEATABLE = sorted(CHANGES.keys() - {"weights file", "labels file", "config.json", "preprocessor_config.json"})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(REPEATABLE), max_size=3), st.sets(st.sampled_from(REPEATABLE), max_size=3))
def test_descriptions_are_the_same_only_of_the_same(spec: ModelSpec, some: set[str], others: set[str]) -> None:
    """Whichever parts are changed together: equal changes have an equal hash, and no others have."""
    keys = []
    for parts in (some, others):
        with pytest.MonkeyPatch.context() as patch:
            changed = spec
            for part in sorted(parts):
                changed = CHANGES[part](changed, patch)
            keys.append(descriptions.key(changed, "cpu"))
    assert (keys[0] == keys[1]) == (some == others)


PARTS: dict[str, str | None] = {
    "imgcls_sha256": "models/runtimes/*.py", "arch": "arch", "options": "options", "state_sha256": "weights file",
    "input": "input", "decode": "decode", "output": "output", "runtime": "runtime", "precision": "precision",
    "device": None, "flags": "models/runtimes/*.py", "torch": "torch.__version__", "timm": "timm",
    "torchvision": "torchvision", "numpy": "numpy", "openvino": "openvino", "cpu": "instructions", "gpu": "gpu",
    "own_sources": None, "layout": "layout", "returns": "returns",
}  # fmt: skip
"""What changes each part of a prediction's key; a device has a test of its own, and own code is never remembered."""


@pytest.mark.parametrize("arch", [RESNET, SQUEEZENET, "reference:efficientnet_b0"])
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_every_part_of_a_prediction_key_is_changed_here(arch: str, device: str, monkeypatch: Patch) -> None:
    """So that no part that is added later can be stale in what is remembered."""
    spec = make_spec(arch, weights="random:1", precision="bfloat16", layout="NCHW", returns="logits")
    monkeypatch.setattr(machine, "gpu", lambda _: "a card")
    info = replace(loader.load(make_spec(RESNET, weights="random:1"), "cpu").info, precision="bfloat16", device=device)
    for runtime in ("eager", "openvino"):
        parts = identity.identity_of(spec, replace(info, runtime=runtime), {})
        assert parts.keys() <= PARTS.keys()
    assert {change for change in PARTS.values() if change} <= CHANGES.keys()


def test_own_patterns_of_sources_are_among_those_of_descriptions() -> None:
    """Whatever of our source is part of a prediction's key is part of the hash of a description."""
    scored_with = ("evaluation/",)  # what computes a prediction, and finds out nothing about a model
    ours = [pattern for pattern in identity.PREDICTION_SOURCES if not pattern.startswith(scored_with)]
    files = [name for pattern in ours for name, _ in identity._matching(pattern)]
    known = [name for pattern in descriptions.SOURCES for name, _ in identity._matching(pattern)]
    assert set(files) <= set(known)


@pytest.mark.slow
def test_all_source_that_loads_a_model_is_hashed(python: Command, resnet_file: Path) -> None:
    """No module of ours that is imported for it is outside the patterns."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from imgcls.models import loader\n"
        "from imgcls.records.config import ModelSpec\n"
        f"loader.load(ModelSpec('net', 'timm:test_resnet', weights=Path({str(resnet_file)!r})), 'cpu')\n"
        "import imgcls\n"
        "root = Path(imgcls.__file__).parent\n"
        "ours = [m.__file__ for name, m in sys.modules.items() if name.partition('.')[0] == 'imgcls']\n"
        "print(*(Path(file).relative_to(root).as_posix() for file in ours))\n"
    )
    files = python(code).outlines[-1].split()
    hashed = [p.lstrip("/") for p in descriptions.SOURCES]
    outside = [file for file in files if not any(fnmatch(file, p) and file.count("/") == p.count("/") for p in hashed)]
    assert [file for file in outside if not file.endswith("__init__.py")] == []


def test_a_description_depends_on_the_device(spec: ModelSpec, monkeypatch: Patch) -> None:
    """What is known of a model on one card is not known of it on another."""
    monkeypatch.setattr(devices, "require", lambda _: None)
    monkeypatch.setattr(machine, "gpu", lambda _: "a card")
    assert len({descriptions.key(spec, device) for device in ("cpu", "cuda", "cuda:1")}) == 3


def test_a_path_is_not_the_name_that_is_spelled_alike(spec: ModelSpec, tmp_path: Path, monkeypatch: Patch) -> None:
    """A file of labels that is called as a list of ours is another list."""
    monkeypatch.chdir(tmp_path)
    named, file = (descriptions.key(replace(spec, labels=kind("imagenet-1k")), "cpu") for kind in (str, Path))
    assert named != file


@pytest.mark.parametrize(
    "spec",
    [
        own_spec("tiny"),
        own_spec("tiny", weights="random:1"),
        make_spec("torchhub:clone:net"),
        make_spec("transformers:folder"),
        make_spec("timm:local-dir:folder"),
        make_spec("timm:hf-hub:somebody/net"),
        make_spec("onnx:net.onnx"),
        make_spec("nobody:net"),
        make_spec(RESNET),
        make_spec(SQUEEZENET),
        make_spec(RESNET, weights=Path("absent.safetensors")),
        make_spec(RESNET, weights="builtin:absent"),
        make_spec(RESNET, weights="random:1", access=WeightsAccess(gathering=Gathering())),
    ],
    ids=lambda spec: f"{spec.arch} {spec.weights}",
)
def test_nothing_is_remembered_where_not_everything_is_known(spec: ModelSpec) -> None:
    """Of code that may read anything, of weights that are not here, and where files are to be gathered."""
    assert descriptions.key(spec, "cpu") is None


def test_nothing_is_remembered_of_a_runtime_of_another_package(spec: ModelSpec, monkeypatch: Patch) -> None:
    """It may be edited while its version stays, and then its trial has to be repeated."""
    own = replace(spec, runtime="theirs")
    assert descriptions.key(own, "cpu")
    monkeypatch.setattr(extensions, "runtime", {"theirs": extensions.RuntimeRow("their_package.runtime")}.get)
    assert descriptions.key(own, "cpu") is None


def test_a_device_that_is_absent_has_no_description(spec: ModelSpec) -> None:
    """Loading the model states what is missing."""
    assert descriptions.key(spec, "nowhere") is None


def test_a_published_file_is_found_in_its_cache(checkpoints: Path, tmp_path: Path) -> None:
    """As the library would find it: the hash is of the file's bytes, wherever it lies."""
    published = make_spec(SQUEEZENET)
    file = checkpoints / "squeezenet1_0-b66bff10.pth"
    keys = set()
    for content in (b"one", b"two"):
        file.write_bytes(content)
        keys.add(descriptions.key(published, "cpu"))
    locked = LockedFile(file.name, "0" * 64, 3, url=f"https://download.pytorch.org/models/{file.name}")
    for entries in ((locked,), (replace(locked, path=Path(shutil.copy(file, tmp_path))),)):
        access = WeightsAccess(lock=WeightsLock(tmp_path / "imgcls.lock", entries))
        keys.add(descriptions.key(replace(published, access=access), "cpu"))
    unlisted = WeightsAccess(lock=WeightsLock(tmp_path / "imgcls.lock"))
    assert len(keys - {None}) == 4
    assert descriptions.key(replace(published, access=unlisted), "cpu") is None


def test_rows_of_sources_that_are_described_are_ours() -> None:
    """An installed package cannot take their place, because only our own source is hashed."""
    for name in ("timm", "torchvision", "reference"):
        assert extensions.SOURCES[name].module.startswith("imgcls.models.sources.")


# What is not as it was.


def test_a_damaged_description_is_made_again(spec: ModelSpec, store: Store) -> None:
    """The model is loaded, and known from then on."""
    _known(spec, store)
    store._connection.execute("update descriptions set body = x'7b7d'")
    assert [_known(spec, store).is_loaded for _ in range(2)] == [True, False]


def test_weights_that_change_while_they_are_loaded_are_not_described(
    spec: ModelSpec, store: Store, monkeypatch: Patch
) -> None:
    """What was found out may be about either of the two."""
    load = loader.load

    def changing(*arguments: Any) -> Model:
        model = load(*arguments)
        (Path(str(spec.labels))).write_text("others\n" * 1000)
        return model

    with monkeypatch.context() as patch:
        patch.setattr(loader, "load", changing)
        assert _known(spec, store).is_loaded
    assert store._rows("select count(*) from descriptions") == [(0,)]


def test_a_network_that_is_another_one_when_it_is_loaded_is_refused(spec: ModelSpec, store: Store) -> None:
    """Its predictions would be stored under the key of the one that was described."""
    _known(spec, store)
    known = _known(spec, store)
    module = loader.load(spec, "cpu").classifier.module
    torch.save({name: value + 1 for name, value in module.state_dict().items()}, str(spec.weights))
    with pytest.raises(ModelError, match=r"\[models.net\] timm:test_resnet changed while it was being scored: run aga"):
        known.classifier  # noqa: B018 - it is loaded now
