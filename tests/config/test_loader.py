"""imgcls.config.loader: every mistake in a configuration is refused by file and key, and nothing else is."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configurations import BASE, assert_refused, load_text
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec, ModelSpec, Settings
from imgcls.records.thresholds import Gate, Margin

# What is read.


@pytest.mark.shared
def test_the_configuration_of_the_photo_suites(shared_data: Path) -> None:
    """The complete example is read whole: two datasets, three networks, six gates."""
    file = shared_data / "imgcls.toml"
    half = (0.5, 0.5, 0.5)

    loaded = configuration.load([file])

    assert loaded.source == file
    assert loaded.datasets == {
        "photos": DatasetSpec("photos", shared_data / "photos", "wnid"),
        "photos10": DatasetSpec(
            "photos10", shared_data / "photos10", shared_data / "photos10-classes.csv", golden=True
        ),
    }
    assert loaded.models["mobilenet_qat"] == ModelSpec(
        "mobilenet_qat",
        "timm:mobilenetv2_100",
        shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors",
        "518d224e53dbc3307399b326fc04aa75b49a9d938e60059688df5460bf29f4db",
        {"pad_type": "same"},
        "imagenet-1k",
        input={"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": half, "std": half},
    )
    assert list(loaded.models) == ["squeezenet", "mobilenet_qat", "mobilenet_ptq"]
    assert loaded.models["squeezenet"].input == {}
    assert loaded.gates == {
        ("squeezenet", "photos"): Gate(0.60, 0.82, min_images=1000),
        ("squeezenet", "photos10"): Gate(0.74, 0.88, min_images=50),
        ("mobilenet_qat", "photos"): Gate(0.88, 0.97, min_images=1000),
        ("mobilenet_qat", "photos10"): Gate(0.90, 0.94, min_images=50),
        ("mobilenet_ptq", "photos"): Gate(0.88, 0.97, min_images=1000),
        ("mobilenet_ptq", "photos10"): Gate(0.90, 0.94, min_images=50),
    }


def test_every_key_of_a_model_arrives(tmp_path: Path) -> None:
    """Each is read into its field; a file's path is relative to the configuration."""
    loaded = load_text(
        tmp_path,
        f"""
        [datasets.d]
        path = "images"
        [models.m]
        arch = "python:nets.own:build"
        weights = "../net.pth"
        sha256 = "{"AB" * 32}"
        options = {{ width = 2, nested = {{ deep = [1, 2] }} }}
        labels = "names.txt"
        datasets = ["d"]
        runtime = "eager"
        precision = "bfloat16"
        decode = "exact"
        [models.m.input]
        resize = [240, 320]
        crop = 224
        crop_mode = "squash"
        interpolation = "lanczos"
        mean = [0, 0.5, 1]
        std = [1, 1.5, 2]
        """,
    )
    assert loaded.models == {
        "m": ModelSpec(
            "m",
            "python:nets.own:build",
            tmp_path / "../net.pth",
            "ab" * 32,
            {"width": 2, "nested": {"deep": [1, 2]}},
            tmp_path / "names.txt",
            ("d",),
            "eager",
            "bfloat16",
            "exact",
            {
                "resize": (240, 320),
                "crop": 224,
                "crop_mode": "squash",
                "interpolation": "lanczos",
                "mean": (0.0, 0.5, 1.0),
                "std": (1.0, 1.5, 2.0),
            },
        )
    }


def test_every_key_of_the_other_tables_arrives(tmp_path: Path) -> None:
    """Those of datasets, gates and margins."""
    loaded = load_text(
        tmp_path,
        """
        [datasets.d]
        path = "list.csv"
        labels = { file = "map.csv" }
        golden = true
        exif = "apply"
        [models.m]
        arch = "timm:test_resnet"
        [gates.m.d]
        top1 = 1
        top5 = 1.0
        macro_f1 = 0.5
        min_images = 7
        max_rejected = 0.25
        [compare]
        top1 = { margin = 0.005, confidence = 0.9 }
        top5 = { margin = 0 }
        """,
    )
    assert loaded.datasets == {"d": DatasetSpec("d", tmp_path / "list.csv", tmp_path / "map.csv", True, "apply")}
    assert loaded.gates == {("m", "d"): Gate(1.0, 1.0, 0.5, 7, 0.25)}
    assert loaded.margins == {"top1": Margin(0.005, 0.9), "top5": Margin(0.0, 0.95)}
    assert loaded.left_out == ()


def test_absent_keys_have_their_default(tmp_path: Path) -> None:
    """A dataset needs a path and a model an arch; without gates and margins there are none."""
    loaded = load_text(tmp_path, BASE)
    assert loaded.datasets["photos"] == DatasetSpec("photos", tmp_path / "photos")
    assert loaded.models["net"] == ModelSpec("net", "timm:test_resnet")
    assert (loaded.gates, loaded.margins) == ({}, {})


def test_nothing_at_all_is_a_configuration(tmp_path: Path) -> None:
    """An empty file names nothing, and that is not a mistake."""
    assert load_text(tmp_path, "") == Settings(tmp_path / "imgcls.toml", {}, {}, {})


def test_paths_are_relative_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process stands does not matter; absolute paths and ``~`` are taken as they are."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    folder = tmp_path / "deep"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    loaded = load_text(folder, '[datasets]\na = { path = "x/y" }\nb = { path = "/x" }\nc = { path = "~/x" }\n')
    assert [spec.path for spec in loaded.datasets.values()] == [folder / "x" / "y", Path("/x"), Path("/home/me/x")]


def test_pyproject_holds_the_same_tables(tmp_path: Path) -> None:
    """``[tool.imgcls]`` is the same configuration, and the other tables of the file do not count."""
    text = "[project]\nname = 'x'\n[tool.ruff]\nx = 1\n" + BASE.replace("[", "[tool.imgcls.")
    assert load_text(tmp_path, text, "pyproject.toml").models == load_text(tmp_path, BASE).models


def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    """Models, datasets and gates may stand in different files; each file's paths are its own."""
    (tmp_path / "sub").mkdir()
    first, second = tmp_path / "first.toml", tmp_path / "sub" / "second.toml"
    first.write_text('[models.net]\narch = "timm:x"\ndatasets = ["far"]\n[gates.net]\nfar = { top1 = 0.5 }\n')
    second.write_text('[datasets.far]\npath = "images"\n')
    loaded = configuration.load([first, second])
    assert loaded.source == first
    assert loaded.datasets["far"].path == tmp_path / "sub" / "images"
    assert loaded.gates == {("net", "far"): Gate(0.5)}


# Mistakes.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dataset.d]", "[dataset]: unknown key; did you mean 'datasets'?"),
        ("[zzz]", "[zzz]: unknown key; known: datasets, models, gates, compare, parity, latency, memory"),
        ('[datasets.d]\npath = "p"\nlabel = "wnid"', "[datasets.d] label: unknown key; did you mean 'labels'?"),
        (
            '[datasets.d]\npath = "p"\nlabels = { fil = "x.csv" }',
            "[datasets.d.labels] fil: unknown key; did you mean 'file'?",
        ),
        ('[models.m]\narhc = "timm:x"', "[models.m] arhc: unknown key; did you mean 'arch'?"),
        ('[models.m]\narch = "timm:x"\nname = "m"', "[models.m] name: unknown key; did you mean 'rename'?"),
        (
            '[models.m]\narch = "timm:x"\ninput = { inter = "nearest" }',
            "[models.m.input] inter: unknown key; did you mean 'interpolation'?",
        ),
        (BASE + "[gates.net]\nphoto = {}", "[gates.net] photo: unknown key; did you mean 'photos'?"),
        (BASE + "[gates.nett]\nphotos = {}", "[gates.nett]: no model 'nett'; did you mean 'net'?"),
        ("[gates.net]", "[gates.net]: no model 'net'; there is none"),
        (BASE + "[gates.net.photos]\ntop_1 = 0.5", "[gates.net.photos] top_1: unknown key; did you mean 'top1'?"),
        (BASE + '[gates."*".photos]\ntop10 = 0.5', "[gates.*.photos] top10: unknown key; did you mean 'top1'?"),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, message: str) -> None:
    """At every level an unknown key is refused with the known one that it resembles."""
    assert_refused(tmp_path, text, message)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("datasets = 3", "datasets"),
        ("models = []", "models"),
        ("gates = 'none'", "gates"),
        ("[datasets]\nd = 'photos'", "datasets.d"),
        ("[models]\nm = 'timm:x'", "models.m"),
        ("[models.m]\narch = 'timm:x'\noptions = 3", "models.m.options"),
        ("[models.m]\narch = 'timm:x'\ninput = [3]", "models.m.input"),
        (BASE + "[gates]\nnet = 0.5", "gates.net"),
        (BASE + "[gates.net]\nphotos = 0.5", "gates.net.photos"),
        ("compare = 0.005", "compare"),
        ("[compare]\ntop1 = 0.005", "compare.top1"),
    ],
)
def test_a_table_is_a_table(tmp_path: Path, text: str, table: str) -> None:
    """A scalar or a list where a table belongs is refused by the table's name."""
    assert_refused(tmp_path, text, f"{table} must be a table")


@pytest.mark.parametrize("name", ["a b", "a.b", "é", "", "*", "a/b"])
@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_names_are_plain(tmp_path: Path, kind: str, name: str) -> None:
    """Names become parts of options and of test ids, so they are letters, digits, ``_`` and ``-``."""
    assert_refused(tmp_path, f"[{kind}.'{name}']", f"[{kind}.{name}]: names are made of letters, digits, _ and -")


@pytest.mark.parametrize("kind", ["datasets", "models", "gates"])
def test_a_name_twice_in_two_files_is_refused(tmp_path: Path, kind: str) -> None:
    """Two files do not silently override each other: the second one is named."""
    text = {
        "datasets": '[datasets.net]\npath = "p"\n',
        "models": '[models.net]\narch = "timm:x"\n',
        "gates": "[gates.net]\n",
    }
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(text["models"] + (text[kind] if kind != "models" else ""))
    second.write_text(text[kind])
    message = f"{second}: [{kind}.net] is already given by another configuration file"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        configuration.load([first, second])


def test_a_margin_twice_in_two_files_is_refused(tmp_path: Path) -> None:
    """Margins of different accuracies come together from several files, and one of them comes from one."""
    files = [tmp_path / f"{name}.toml" for name in "abc"]
    for file, accuracy in zip(files, ("top1", "top5", "top1"), strict=True):
        file.write_text(f"[compare]\n{accuracy} = {{ margin = 0.01 }}\n")
    assert configuration.load(files[:2]).margins == {"top1": Margin(0.01), "top5": Margin(0.01)}
    message = f"{files[2]}: [compare.top1] is already given by another configuration file"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        configuration.load(files)


def test_a_mistake_is_reported_with_its_file(tmp_path: Path) -> None:
    """Of several files the one with the wrong reference is named."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('[datasets.photos]\npath = "p"\n')
    second.write_text('[models.net]\narch = "timm:x"\ndatasets = ["photo"]\n')
    message = f"{second}: [models.net] datasets: no dataset 'photo'; did you mean 'photos'?"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        configuration.load([first, second])


# Files.


@pytest.mark.parametrize(
    "content", [b"[datasets", b"a = 1\na = 2", b'a = "\xff"', b"a = 1" + b"0" * 5000, b"\xef\xbb\xbfa = 1"]
)
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """Broken TOML, bytes that are not UTF-8 and endless numbers are refused with the file."""
    file = tmp_path / "imgcls.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"imgcls\.toml: not TOML: "):
        configuration.load([file])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A configuration that does not exist is refused in the system's words, and so is a folder."""
    with pytest.raises(ConfigError, match=r"none\.toml: the configuration cannot be read: No such file"):
        configuration.load([tmp_path / "none.toml"])
    with pytest.raises(ConfigError, match="the configuration cannot be read"):
        configuration.load([tmp_path])


@pytest.mark.parametrize(("text", "table"), [("tool = 3", "tool"), ("[tool]\nimgcls = 3", r"tool\.imgcls")])
def test_pyproject_without_tables_is_refused(tmp_path: Path, text: str, table: str) -> None:
    """A ``pyproject.toml`` whose ``tool`` or ``tool.imgcls`` is not a table is refused by name."""
    with pytest.raises(ConfigError, match=rf"pyproject\.toml: {table} must be a table"):
        load_text(tmp_path, text, "pyproject.toml")


# Anything at all.


scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.sampled_from([76, 10**400, -(10**400)]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["~x/y", "random:1", "timm:x", "digits", "wnid", "net.pth", "photos", ".."]),
    st.just(date(2024, 2, 29)),
)
values = scalars | st.lists(scalars, max_size=3)
keys = st.sampled_from(
    [
        "path", "labels", "golden", "exif", "file", "arch", "weights", "sha256", "options", "datasets", "runtime",
        "precision", "decode", "input", "resize", "crop", "crop_mode", "interpolation", "mean", "std", "top1", "top5",
        "min_images", "max_rejected", "photos", "net", "models", "gates", "*", "macro_f1", "min", "confidence",
        "compare", "margin", "columns", "duplicates", "max_megapixels",
    ]
) | st.text(max_size=4)  # fmt: skip
places = st.sampled_from(
    [
        (), ("datasets",), ("datasets", "photos"), ("datasets", "photos", "labels"), ("datasets", "photos", "columns"),
        ("models",), ("models", "net"),
        ("models", "net", "input"), ("models", "net", "options"), ("gates",), ("gates", "net"),
        ("gates", "net", "photos"), ("gates", "*", "photos"), ("gates", "net", "photos", "top1"), ("compare",),
        ("compare", "top5"),
    ]
)  # fmt: skip


def _document() -> dict[str, Any]:
    return {
        "datasets": {"photos": {"path": "photos", "labels": {"file": "map.csv"}, "columns": {"path": "file"}}},
        "models": {"net": {"arch": "timm:x", "input": {"crop": 8}, "options": {}}},
        "gates": {"net": {"photos": {"top1": {"min": 0.5}}}, "*": {"photos": {"top5": 0.5}}},
        "compare": {"top5": {"margin": 0.5}},
    }


@settings(deadline=None, max_examples=300)
@given(places, values | st.dictionaries(keys, values, max_size=4))
def test_any_table_is_settings_or_an_error_of_ours(place: tuple[str, ...], value: Any) -> None:
    """Anything in place of a table, or among its keys, gives Settings, or a ConfigError that names the file."""
    document = _with(_document(), place, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "_read", lambda _: document)
        try:
            assert isinstance(configuration.load([Path("any.toml")]), Settings)
        except ConfigError as error:
            assert str(error).startswith("any.toml: ")  # noqa: PT017 - either outcome is right


def _with(table: Any, place: tuple[str, ...], value: Any) -> Any:
    """The document with ``value`` instead of the table at ``place``, or with its keys in that table."""
    if place:
        return {**table, place[0]: _with(table[place[0]], place[1:], value)}
    return {**table, **value} if isinstance(value, dict) else value


# One part of a configuration.


def _pair() -> Settings:
    datasets = {name: DatasetSpec(name, "builtin:digits") for name in ("photos", "digits")}
    models = {name: ModelSpec(name, "timm:x") for name in ("net", "wide")}
    gates = {(m, d): Gate(0.5) for m in models for d in datasets}
    return Settings(Path("imgcls.toml"), datasets, models, gates, {"top1": Margin(0.01, 0.9)})


def test_select_leaves_only_what_is_named() -> None:
    """Only the named models and datasets remain, in their own order, with the gates of the remaining pairs."""
    loaded = configuration.select(_pair(), ["wide"], ["digits", "photos"])
    assert (list(loaded.models), list(loaded.datasets)) == (["wide"], ["photos", "digits"])
    assert list(loaded.gates) == [("wide", "photos"), ("wide", "digits")]
    assert loaded.margins == {"top1": Margin(0.01, 0.9)}
    assert configuration.select(_pair(), None, None) == _pair()


def test_select_lists_the_gates_that_it_left_out() -> None:
    """The gates of models and datasets that are not selected are listed."""
    assert configuration.select(_pair(), ["wide"], None).left_out == (("net", "photos"), ("net", "digits"))
    assert configuration.select(_pair(), None, ["digits"]).left_out == (("net", "photos"), ("wide", "photos"))
    assert configuration.select(_pair(), None, None).left_out == ()


@pytest.mark.parametrize(
    ("models", "datasets", "message"),
    [
        (["wyde"], None, "no model 'wyde' in imgcls.toml; did you mean 'wide'?"),
        (None, ["photo"], "no dataset 'photo' in imgcls.toml; did you mean 'photos'?"),
        (["net", ""], None, "no model '' in imgcls.toml; known: net, wide"),
    ],
)
def test_select_refuses_unknown_names(models: list[str] | None, datasets: list[str] | None, message: str) -> None:
    """A name that the configuration does not have selects nothing in silence."""
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        configuration.select(_pair(), models, datasets)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "imgcls.toml: it has no model: write a table [models.NAME], or make one of a comment that"),
        ({"net": ModelSpec("net", "timm:x", datasets=())}, "imgcls.toml: of what is selected, no model is scored on"),
    ],
)
def test_nothing_to_score_states_what_is_missing(models: dict[str, ModelSpec], message: str) -> None:
    """A table that is not there, or a model without a dataset."""
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        configuration.select(replace(_pair(), models=models, gates={}), None, None)


# Margins of a command line.


def test_given_margins_go_before_the_configured_ones() -> None:
    """The margin is replaced, its configured confidence stays, and what else is configured stays too."""
    loaded = configuration.with_margins(_pair(), ["top1:0.2", "top5:0.3"])
    assert loaded.margins == {"top1": Margin(0.2, 0.9), "top5": Margin(0.3, 0.95)}
    assert configuration.with_margins(_pair(), ["top5:0.3"]).margins == {
        "top1": Margin(0.01, 0.9),
        "top5": Margin(0.3, 0.95),
    }
    assert configuration.with_margins(_pair(), []) == _pair()
    assert loaded.gates == _pair().gates
