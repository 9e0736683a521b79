"""imgcls.config: every mistake in a configuration is refused by file and key, and nothing else is."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import config
from imgcls.errors import ConfigError
from imgcls.measures import LatencyGate, MemoryGate
from imgcls.records import DatasetSpec, Gate, Margin, ModelSpec, Proven, Settings

BASE = """
[datasets.photos]
path = "photos"
[datasets.other]
path = "other"
[models.net]
arch = "timm:test_resnet"
[models.wide]
arch = "timm:test_vit"
"""


def _load(folder: Path, text: str, name: str = "imgcls.toml") -> Settings:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return config.load([file])


def _refused(folder: Path, text: str, says: str) -> None:
    """The configuration is refused, and the message is the file and then exactly this."""
    message = f"{folder / 'imgcls.toml'}: {says}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        _load(folder, text)


# What is right.


def test_the_configuration_of_the_photo_suites(shared_data: Path) -> None:
    """The complete example is read whole: two data sets, three networks, six gates."""
    file = shared_data / "imgcls.toml"
    half = (0.5, 0.5, 0.5)

    found = config.load([file])

    assert found.source == file
    assert found.datasets == {
        "photos": DatasetSpec("photos", shared_data / "photos", "wnid"),
        "photos10": DatasetSpec(
            "photos10", shared_data / "photos10", shared_data / "photos10-classes.csv", golden=True
        ),
    }
    assert found.models["mobilenet_qat"] == ModelSpec(
        "mobilenet_qat",
        "timm:mobilenetv2_100",
        shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors",
        "518d224e53dbc3307399b326fc04aa75b49a9d938e60059688df5460bf29f4db",
        {"pad_type": "same"},
        "imagenet-1k",
        input={"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": half, "std": half},
    )
    assert list(found.models) == ["squeezenet", "mobilenet_qat", "mobilenet_ptq"]
    assert found.models["squeezenet"].input == {}
    assert found.gates == {
        ("squeezenet", "photos"): Gate(0.60, 0.82, min_images=1000),
        ("squeezenet", "photos10"): Gate(0.74, 0.88, min_images=50),
        ("mobilenet_qat", "photos"): Gate(0.88, 0.97, min_images=1000),
        ("mobilenet_qat", "photos10"): Gate(0.90, 0.94, min_images=50),
        ("mobilenet_ptq", "photos"): Gate(0.88, 0.97, min_images=1000),
        ("mobilenet_ptq", "photos10"): Gate(0.90, 0.94, min_images=50),
    }


def test_every_key_arrives(tmp_path: Path) -> None:
    """Each key of the schema is read into its field; a file's path is relative to the configuration."""
    found = _load(
        tmp_path,
        f"""
        [datasets.d]
        path = "list.csv"
        labels = {{ file = "map.csv" }}
        golden = true
        exif = "apply"
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
        [gates.m.d]
        top1 = 1
        top5 = 1.0
        macro_f1 = 0.5
        min_images = 7
        max_rejected = 0.25
        [compare]
        top1 = {{ margin = 0.005, confidence = 0.9 }}
        top5 = {{ margin = 0 }}
        """,
    )
    assert found.datasets == {"d": DatasetSpec("d", tmp_path / "list.csv", tmp_path / "map.csv", True, "apply")}
    assert found.models == {
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
    assert found.gates == {("m", "d"): Gate(1.0, 1.0, 0.5, 7, 0.25)}
    assert found.margins == {"top1": Margin(0.005, 0.9), "top5": Margin(0.0, 0.95)}
    assert found.left_out == ()


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    """A data set needs a path and a model an arch; without gates and margins there are none."""
    found = _load(tmp_path, BASE)
    assert found.datasets["photos"] == DatasetSpec("photos", tmp_path / "photos")
    assert found.models["net"] == ModelSpec("net", "timm:test_resnet")
    assert (found.gates, found.margins) == ({}, {})


def test_nothing_at_all_is_a_configuration(tmp_path: Path) -> None:
    """An empty file names nothing, and that is no mistake of its form."""
    assert _load(tmp_path, "") == Settings(tmp_path / "imgcls.toml", {}, {}, {})


def test_paths_are_relative_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process stands does not matter; absolute paths and ``~`` are taken as they are."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    folder = tmp_path / "deep"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    found = _load(
        folder, '[datasets]\na = { path = "x/y" }\nb = { path = "/x" }\nc = { path = "~/x" }\nd = { path = "digits" }\n'
    )
    assert [spec.path for spec in found.datasets.values()] == [
        folder / "x" / "y",
        Path("/x"),
        Path("/home/me/x"),
        "digits",
    ]


@pytest.mark.parametrize("weights", ["IMAGENET1K_V2", "pretrained", "random:0", "builtin:digits_vit", "a1_in1k"])
def test_weights_that_are_no_file_stay_words(tmp_path: Path, weights: str) -> None:
    """Tags and seeds are not paths."""
    assert _load(tmp_path, f'[models.m]\narch = "timm:x"\nweights = "{weights}"').models["m"].weights == weights


@pytest.mark.parametrize("labels", ["imagenet-1k", "imagenet-21k", "digits"])
def test_known_label_lists_stay_words(tmp_path: Path, labels: str) -> None:
    """The lists that imgcls has are not paths."""
    assert _load(tmp_path, f'[models.m]\narch = "timm:x"\nlabels = "{labels}"').models["m"].labels == labels


def test_pyproject_holds_the_same_tables(tmp_path: Path) -> None:
    """``[tool.imgcls]`` is the same configuration, and what else the file holds is nobody's business here."""
    text = "[project]\nname = 'x'\n[tool.ruff]\nx = 1\n" + BASE.replace("[", "[tool.imgcls.")
    assert _load(tmp_path, text, "pyproject.toml").models == _load(tmp_path, BASE).models


def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    """Models, data sets and gates may stand in different files; each file's paths are its own."""
    (tmp_path / "sub").mkdir()
    first, second = tmp_path / "first.toml", tmp_path / "sub" / "second.toml"
    first.write_text('[models.net]\narch = "timm:x"\ndatasets = ["far"]\n[gates.net]\nfar = { top1 = 0.5 }\n')
    second.write_text('[datasets.far]\npath = "pictures"\n')
    found = config.load([first, second])
    assert found.source == first
    assert found.datasets["far"].path == tmp_path / "sub" / "pictures"
    assert found.gates == {("net", "far"): Gate(0.5)}


# Gates.


def test_a_star_gives_the_keys_that_a_model_does_not(tmp_path: Path) -> None:
    """``"*"`` holds for every model, key by key, where the model's own gate does not say otherwise."""
    found = _load(
        tmp_path,
        BASE
        + """
        [gates."*"]
        photos = { top1 = 0.5, min_images = 10, max_rejected = 0.1 }
        [gates.net]
        photos = { top1 = 0.7, top5 = 0.9, max_rejected = 0 }
        other = { top5 = 0.8 }
        """,
    )
    assert found.gates == {
        ("net", "photos"): Gate(0.7, 0.9, min_images=10),
        ("net", "other"): Gate(top5=0.8),
        ("wide", "photos"): Gate(0.5, min_images=10, max_rejected=0.1),
    }


def test_a_star_leaves_out_what_a_model_leaves_out(tmp_path: Path) -> None:
    """A model that is not scored on a data set has no gate there from ``"*"``."""
    text = BASE + 'datasets = ["other"]\n[gates."*"]\nphotos = { top1 = 0.5 }\nother = { top1 = 0.6 }\n'
    assert _load(tmp_path, text).gates == {
        ("net", "photos"): Gate(0.5),
        ("net", "other"): Gate(0.6),
        ("wide", "other"): Gate(0.6),
    }


@pytest.mark.parametrize("key", ["top1", "top5"])
@pytest.mark.parametrize(
    ("table", "proven"),
    [
        ("{ min = 0.76, confidence = 0.99 }", Proven(0.76, 0.99)),
        ("{ min = 0.76 }", Proven(0.76, 0.95)),
        ("{ min = 0, confidence = 0.5 }", Proven(0.0, 0.5)),
    ],
)
def test_a_threshold_may_be_a_table(tmp_path: Path, key: str, table: str, proven: Proven) -> None:
    """``min`` must then be shown, with 95 % confidence where nothing else is said."""
    gate = _load(tmp_path, f"{BASE}[gates.net]\nphotos = {{ {key} = {table} }}").gates["net", "photos"]
    assert gate == (Gate(top1=proven) if key == "top1" else Gate(top5=proven))


def test_a_models_own_threshold_replaces_that_of_a_star_whole(tmp_path: Path) -> None:
    """A plain number is not mixed with the confidence of ``"*"``, nor the other way round."""
    found = _load(
        tmp_path,
        BASE
        + """
        [gates."*"]
        photos = { top1 = { min = 0.5, confidence = 0.99 }, macro_f1 = 0.4 }
        other = { top1 = 0.5 }
        [gates.net]
        photos = { top1 = 0.7 }
        other = { top1 = { min = 0.6 } }
        """,
    )
    assert found.gates == {
        ("net", "photos"): Gate(0.7, macro_f1=0.4),
        ("net", "other"): Gate(Proven(0.6)),
        ("wide", "photos"): Gate(Proven(0.5, 0.99), macro_f1=0.4),
        ("wide", "other"): Gate(0.5),
    }


@pytest.mark.parametrize("gate", ["{}", "{ max_rejected = 0.5 }"])
def test_a_gate_without_a_threshold_is_refused(tmp_path: Path, gate: str) -> None:
    """A gate that holds nothing would count as one that holds."""
    _refused(
        tmp_path,
        f"{BASE}[gates.net]\nphotos = {gate}",
        "[gates.net.photos]: a gate needs a threshold: top1, top5, macro_f1 or min_images",
    )


@pytest.mark.parametrize("gate", ["top1 = { min = 0.5 }", "top5 = 0.5", "macro_f1 = 0.5", "min_images = 1"])
def test_each_threshold_makes_a_gate(tmp_path: Path, gate: str) -> None:
    """One is enough."""
    assert list(_load(tmp_path, f"{BASE}[gates.net]\nphotos = {{ {gate} }}").gates) == [("net", "photos")]


def test_a_gate_that_could_never_be_shown_is_refused(tmp_path: Path) -> None:
    """A gate of a pair that the model's ``datasets`` leaves out would never be evaluated."""
    _refused(
        tmp_path,
        BASE + 'datasets = ["other"]\n[gates.wide]\nphotos = { top1 = 0.5 }\n',
        "[gates.wide.photos]: [models.wide] datasets leaves 'photos' out, so this gate could never be shown",
    )


# Mistakes.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[dataset.d]", "[dataset]: unknown key; did you mean 'datasets'?"),
        ("[zzz]", "[zzz]: unknown key; known: datasets, models, gates, compare, latency, memory"),
        ('[datasets.d]\npath = "p"\nlabel = "wnid"', "[datasets.d] label: unknown key; did you mean 'labels'?"),
        (
            '[datasets.d]\npath = "p"\nlabels = { fil = "x.csv" }',
            "[datasets.d.labels] fil: unknown key; did you mean 'file'?",
        ),
        ('[models.m]\narhc = "timm:x"', "[models.m] arhc: unknown key; did you mean 'arch'?"),
        ('[models.m]\narch = "timm:x"\nname = "m"', "[models.m] name: unknown key; did you mean 'runtime'?"),
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
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, says: str) -> None:
    """At every level a key that nobody knows is refused with the one that was meant."""
    _refused(tmp_path, text, says)


def test_latency_and_memory_gates(tmp_path: Path) -> None:
    """Milliseconds and sizes with units; ``"*"`` gives the keys that a model does not give itself."""
    settings = _load(
        tmp_path,
        BASE
        + """
        [latency."*"]
        p95_ms = 40
        p50_ms = 30
        [latency.net]
        p95_ms = 20.5
        images_per_second = 100
        [memory.net]
        host = "400 MB"
        gpu = "1.5GiB"
        """,
    )
    assert settings.latency["net"] == LatencyGate(p50_ms=30, p95_ms=20.5, images_per_second=100)
    assert {name for name, gate in settings.latency.items() if gate == LatencyGate(p50_ms=30, p95_ms=40)} == {"wide"}
    assert settings.memory == {"net": MemoryGate(host_bytes=400_000_000, gpu_bytes=3 * 2**29)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[latency.net]\np95 = 40", "[latency.net] p95: unknown key; did you mean 'p95_ms'?"),
        ("[latency.net]\np95_ms = 0", "[latency.net] p95_ms: must be a number above 0, not 0"),
        ("[latency.net]\np95_ms = true", "[latency.net] p95_ms: must be a number above 0, not True"),
        ("[latency.net]", "[latency.net]: a gate needs a limit: p50_ms, p90_ms, p95_ms, p99_ms, images_per_second"),
        ("[latency.nett]\np95_ms = 1", "[latency.nett]: no model 'nett'; did you mean 'net'?"),
        ("[memory.net]", "[memory.net]: a gate needs a limit: host, gpu"),
        ("[memory.net]\nhots = '1 MB'", "[memory.net] hots: unknown key; did you mean 'host'?"),
        *(
            (
                f"[memory.net]\nhost = {size}",
                f'[memory.net] host: must be a size like "400 MB" (with B, kB, MB, GB, KiB, MiB, GiB), not {shown}',
            )
            for size, shown in (("400", "400"), ("'400'", "'400'"), ("'4 mb'", "'4 mb'"), ("'. MB'", "'. MB'"))
        ),
    ],
)
def test_mistakes_in_latency_and_memory_gates(tmp_path: Path, text: str, says: str) -> None:
    """Each names table, key and what is expected."""
    _refused(tmp_path, BASE + text, says)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("76", "76 is not a fraction in [0, 1]; write 0.76"),
        ("76.5", "76.5 is not a fraction in [0, 1]; write 0.765"),
        ("100", "100 is not a fraction in [0, 1]; write 1"),
        ("1.01", "1.01 is not a fraction in [0, 1]; write 0.0101"),
        ("101", "101 is not a fraction in [0, 1]"),
        ("-0.1", "-0.1 is not a fraction in [0, 1]"),
        ("nan", "nan is not a fraction in [0, 1]"),
        ("inf", "inf is not a fraction in [0, 1]"),
        ("1" + "0" * 400, f"1{'0' * 400} is not a fraction in [0, 1]"),
        ("true", "must be a fraction in [0, 1], not True"),
        ('"0.5"', "must be a fraction in [0, 1], not '0.5'"),
    ],
)
@pytest.mark.parametrize("key", ["top1", "top5", "macro_f1", "max_rejected"])
def test_a_threshold_is_a_fraction(tmp_path: Path, key: str, value: str, why: str) -> None:
    """Per cents are refused with the fraction that was meant; booleans and words are no numbers."""
    _refused(tmp_path, BASE + f"[gates.net.photos]\n{key} = {value}", f"[gates.net.photos] {key}: {why}")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("{}", "min: is missing: the fraction that must be shown"),
        ("{ confidence = 0.9 }", "min: is missing: the fraction that must be shown"),
        ("{ min = 76 }", "min: 76 is not a fraction in [0, 1]; write 0.76"),
        ("{ min = true }", "min: must be a fraction in [0, 1], not True"),
        ("{ min = 0.7, confidence = 95 }", "confidence: 95 is not a fraction in [0, 1]; write 0.95"),
        ("{ min = 0.7, confidence = 1 }", "confidence: 1 is not in [0.5, 1)"),
        ("{ min = 0.7, confidence = 0.05 }", "confidence: 0.05 is not in [0.5, 1)"),
        ("{ min = 0.7, confidence = '95 %' }", "confidence: must be a fraction in [0, 1], not '95 %'"),
        ("{ min = 0.7, confidance = 0.9 }", "confidance: unknown key; did you mean 'confidence'?"),
        ("{ margin = 0.7 }", "margin: unknown key; did you mean 'min'?"),
    ],
)
def test_a_proven_threshold_is_checked_key_by_key(tmp_path: Path, table: str, says: str) -> None:
    """``min`` is a fraction and needed, and a confidence below one half would be none."""
    _refused(tmp_path, f"{BASE}[gates.net.photos]\ntop5 = {table}", f"[gates.net.photos.top5] {says}")


@pytest.mark.parametrize("key", ["macro_f1", "max_rejected"])
def test_only_an_accuracy_can_be_shown(tmp_path: Path, key: str) -> None:
    """There is no exact bound for the others."""
    _refused(
        tmp_path,
        f"{BASE}[gates.net.photos]\n{key} = {{ min = 0.5 }}",
        f"[gates.net.photos] {key}: must be a fraction in [0, 1], not {{'min': 0.5}}",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[compare.m]\np95_ms = 40", "[compare] m: unknown key; known: top1, top5"),
        ("[compare]\ntop_1 = { margin = 0.1 }", "[compare] top_1: unknown key; did you mean 'top1'?"),
        ("[compare]\nmacro_f1 = { margin = 0.1 }", "[compare] macro_f1: unknown key; known: top1, top5"),
        ("[compare]\ntop1 = {}",
         "[compare.top1] margin: is missing: how much worse the model may be, as a fraction"),
        ("[compare]\ntop1 = { margin = 0.5, min = 0.5 }", "[compare.top1] min: unknown key; did you mean 'margin'?"),
        ("[compare]\ntop1 = { margin = 2 }", "[compare.top1] margin: 2 is not a fraction in [0, 1]; write 0.02"),
        ("[compare]\ntop1 = { margin = -0.5 }", "[compare.top1] margin: -0.5 is not a fraction in [0, 1]"),
        ("[compare]\ntop1 = { margin = 1 }", "[compare.top1] margin: 1 allows everything; it must be below 1"),
        ("[compare]\ntop1 = { margin = 0.1, confidence = 0.4 }", "[compare.top1] confidence: 0.4 is not in [0.5, 1)"),
    ],
)  # fmt: skip
def test_margins_are_checked_key_by_key(tmp_path: Path, text: str, says: str) -> None:
    """An accuracy has a margin, a fraction below 1, and a confidence."""
    _refused(tmp_path, text, says)


@pytest.mark.parametrize(
    ("value", "seen"), [("0", "0"), ("-5", "-5"), ("5.0", "5.0"), ("true", "True"), ('"5"', "'5'")]
)
def test_min_images_is_a_whole_number_above_0(tmp_path: Path, value: str, seen: str) -> None:
    """A count of pictures is a positive integer, and a boolean is none."""
    text = BASE + f"[gates.net.photos]\nmin_images = {value}"
    _refused(tmp_path, text, f"[gates.net.photos] min_images: {seen} is not a whole number above 0")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("", 'path: is missing: a folder with a folder per class, a .csv manifest, or "digits"'),
        ("path = 3", "path: must be a string, not 3"),
        ("path = ['a']", "path: must be a string, not ['a']"),
        ("path = '~nobody-of-this-name/x'", "path: '~nobody-of-this-name/x': Could not determine home directory"),
        ("path = 'p'\nlabels = 'wnids'", "labels: 'wnids' is not one of auto, wnid, name, index; did you mean 'wnid'?"),
        ("path = 'p'\nlabels = false", "labels: must be a string, not False"),
        ("path = 'p'\ngolden = 1", "golden: must be true or false, not 1"),
        ("path = 'p'\ngolden = 'yes'", "golden: must be true or false, not 'yes'"),
        ("path = 'p'\nexif = true", "exif: must be a string, not True"),
        ("path = 'p'\nexif = 'aply'", "exif: 'aply' is not one of ignore, apply; did you mean 'apply'?"),
    ],
)
def test_a_data_set_is_checked_key_by_key(tmp_path: Path, lines: str, says: str) -> None:
    """Each key of a data set has its type and its choices."""
    _refused(tmp_path, f"[datasets.d]\n{lines}", f"[datasets.d] {says}")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("{}", "file: is missing: a .csv with the columns folder and wnid, name or index"),
        ("{ file = 3 }", "file: must be a string, not 3"),
    ],
)
def test_a_map_of_labels_names_its_file(tmp_path: Path, table: str, says: str) -> None:
    """A table of labels has the one key ``file``."""
    _refused(tmp_path, f"[datasets.d]\npath = 'p'\nlabels = {table}", f"[datasets.d.labels] {says}")


ARCHS = "torchvision:NAME, timm:NAME, python:package.module:factory, reference:NAME"


@pytest.mark.parametrize("arch", ["resnet50", "keras:resnet50", "timm:", ":resnet50", ""])
def test_an_arch_says_where_it_is_from(tmp_path: Path, arch: str) -> None:
    """An arch has one of the known prefixes and a name."""
    _refused(
        tmp_path,
        f"[models.m]\narch = '{arch}'",
        f"[models.m] arch: '{arch}' is not one of {ARCHS}",
    )


def test_a_model_without_an_arch_is_refused(tmp_path: Path) -> None:
    """There is no default network."""
    _refused(
        tmp_path,
        "[models.m]",
        f"[models.m] arch: None is not one of {ARCHS}",
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("weights = 5", "weights: must be a string, not 5"),
        ("weights = 'random:x'", "weights: 'random:x': the seed of random weights is a whole number, as in random:0"),
        ("weights = 'random:-1'", "weights: 'random:-1': the seed of random weights is a whole number, as in random:0"),
        ("weights = 'random:'", "weights: 'random:': the seed of random weights is a whole number, as in random:0"),
        ("weights = '~nobody-of-this-name/x.pth'",
         "weights: '~nobody-of-this-name/x.pth': Could not determine home directory"),
        ("sha256 = 'abc'", "sha256: 'abc' is not 64 hexadecimal digits"),
        ("sha256 = 1", "sha256: must be a string, not 1"),
        ("labels = 1", "labels: must be a string, not 1"),
        ("labels = '~nobody-of-this-name'", "labels: '~nobody-of-this-name': Could not determine home directory"),
        ("datasets = 'photos'", "datasets: must be a list of names, not 'photos'"),
        ("datasets = [1]", "datasets: must be a list of names, not [1]"),
        ("datasets = ['photo']", "datasets: no data set 'photo'; did you mean 'photos'?"),
        ("runtime = 'tvm'", "runtime: 'tvm' is not one of auto, eager, compile, openvino"),
        ("precision = 'float15'",
         "precision: 'float15' is not one of float32, bfloat16, float16; did you mean 'float16'?"),
        ("precision = 32", "precision: must be a string, not 32"),
        ("decode = 'quick'", "decode: 'quick' is not one of exact, fast"),
    ],
)  # fmt: skip
def test_a_model_is_checked_key_by_key(tmp_path: Path, line: str, says: str) -> None:
    """Each key of a model has its type and its choices."""
    _refused(tmp_path, f"{BASE}[models.m]\narch = 'timm:x'\n{line}", f"[models.m] {says}")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("resize = '256'", "resize: must be a whole number of pixels or [h, w], not '256'"),
        ("resize = 0", "resize: must be a whole number of pixels or [h, w], not 0"),
        ("resize = 256.0", "resize: must be a whole number of pixels or [h, w], not 256.0"),
        ("resize = true", "resize: must be a whole number of pixels or [h, w], not True"),
        ("crop = []", "crop: must be a whole number of pixels or [h, w], not []"),
        ("crop = [1, 2, 3]", "crop: must be a whole number of pixels or [h, w], not [1, 2, 3]"),
        ("crop = [224, -1]", "crop: must be a whole number of pixels or [h, w], not [224, -1]"),
        ("crop_mode = 'centre'", "crop_mode: 'centre' is not one of center, squash, border; did you mean 'center'?"),
        ("interpolation = 'cubic'",
         "interpolation: 'cubic' is not one of bilinear, bicubic, nearest, lanczos; did you mean 'bicubic'?"),
        ("interpolation = 3", "interpolation: must be a string, not 3"),
        ("mean = 0.5", "mean: must be three numbers, one per RGB channel, not 0.5"),
        ("mean = [0.5, 0.5]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5]"),
        ("mean = [0.5, 0.5, true]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5, True]"),
        ("mean = [0.5, 0.5, nan]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5, nan]"),
        ("std = [0.5, 0.5, inf]", "std: must be three numbers, one per RGB channel, not [0.5, 0.5, inf]"),
        ("std = [0.5, 0, 0.5]", "std: must be above 0, not [0.5, 0, 0.5]"),
        ("std = [0.5, -1.0, 0.5]", "std: must be above 0, not [0.5, -1.0, 0.5]"),
    ],
)  # fmt: skip
def test_an_input_is_checked_key_by_key(tmp_path: Path, line: str, says: str) -> None:
    """Sizes are pixels, means and deviations are three numbers, and booleans are no numbers."""
    _refused(tmp_path, f"[models.m]\narch = 'timm:x'\n[models.m.input]\n{line}", f"[models.m.input] {says}")


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
    _refused(tmp_path, text, f"{table} must be a table")


@pytest.mark.parametrize("name", ["a b", "a.b", "é", "", "*", "a/b"])
@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_names_are_plain(tmp_path: Path, kind: str, name: str) -> None:
    """Names become parts of options and of test ids, so they are letters, digits, ``_`` and ``-``."""
    _refused(tmp_path, f"[{kind}.'{name}']", f"[{kind}.{name}]: names are made of letters, digits, _ and -")


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
    says = f"{second}: [{kind}.net] is already given by another configuration file"
    with pytest.raises(ConfigError, match=f"^{re.escape(says)}$"):
        config.load([first, second])


def test_a_margin_twice_in_two_files_is_refused(tmp_path: Path) -> None:
    """Margins of different accuracies come together from several files, and one of them comes from one."""
    files = [tmp_path / f"{name}.toml" for name in "abc"]
    for file, accuracy in zip(files, ("top1", "top5", "top1"), strict=True):
        file.write_text(f"[compare]\n{accuracy} = {{ margin = 0.01 }}\n")
    assert config.load(files[:2]).margins == {"top1": Margin(0.01), "top5": Margin(0.01)}
    says = f"{files[2]}: [compare.top1] is already given by another configuration file"
    with pytest.raises(ConfigError, match=f"^{re.escape(says)}$"):
        config.load(files)


def test_a_mistake_is_told_with_the_file_that_makes_it(tmp_path: Path) -> None:
    """Of several files the one with the wrong reference is named."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('[datasets.photos]\npath = "p"\n')
    second.write_text('[models.net]\narch = "timm:x"\ndatasets = ["photo"]\n')
    says = f"{second}: [models.net] datasets: no data set 'photo'; did you mean 'photos'?"
    with pytest.raises(ConfigError, match=f"^{re.escape(says)}$"):
        config.load([first, second])


# Files.


@pytest.mark.parametrize(
    "content", [b"[datasets", b"a = 1\na = 2", b'a = "\xff"', b"a = 1" + b"0" * 5000, b"\xef\xbb\xbfa = 1"]
)
def test_what_is_not_toml_says_so(tmp_path: Path, content: bytes) -> None:
    """Broken TOML, bytes that are not UTF-8 and numbers without end are told with the file."""
    file = tmp_path / "imgcls.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"imgcls\.toml: not TOML: "):
        config.load([file])


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """A configuration that is not there is told with the system's words, and a folder is none either."""
    with pytest.raises(ConfigError, match=r"none\.toml: the configuration cannot be read: No such file"):
        config.load([tmp_path / "none.toml"])
    with pytest.raises(ConfigError, match="the configuration cannot be read"):
        config.load([tmp_path])


@pytest.mark.parametrize(("text", "table"), [("tool = 3", "tool"), ("[tool]\nimgcls = 3", r"tool\.imgcls")])
def test_pyproject_without_tables_says_so(tmp_path: Path, text: str, table: str) -> None:
    """A ``pyproject.toml`` whose ``tool`` or ``tool.imgcls`` is no table is refused by name."""
    with pytest.raises(ConfigError, match=rf"pyproject\.toml: {table} must be a table"):
        _load(tmp_path, text, "pyproject.toml")


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
        "compare", "margin",
    ]
) | st.text(max_size=4)  # fmt: skip
places = st.sampled_from(
    [
        (), ("datasets",), ("datasets", "photos"), ("datasets", "photos", "labels"), ("models",), ("models", "net"),
        ("models", "net", "input"), ("models", "net", "options"), ("gates",), ("gates", "net"),
        ("gates", "net", "photos"), ("gates", "*", "photos"), ("gates", "net", "photos", "top1"), ("compare",),
        ("compare", "top5"),
    ]
)  # fmt: skip


def _document() -> dict[str, Any]:
    return {
        "datasets": {"photos": {"path": "photos", "labels": {"file": "map.csv"}}},
        "models": {"net": {"arch": "timm:x", "input": {"crop": 8}, "options": {}}},
        "gates": {"net": {"photos": {"top1": {"min": 0.5}}}, "*": {"photos": {"top5": 0.5}}},
        "compare": {"top5": {"margin": 0.5}},
    }


@settings(deadline=None, max_examples=300)
@given(places, values | st.dictionaries(keys, values, max_size=4))
def test_whatever_stands_in_a_table_is_settings_or_an_error_of_ours(place: tuple[str, ...], found: Any) -> None:
    """Anything in place of a table, or among its keys, gives Settings, or a ConfigError that names the file."""
    document = _with(_document(), place, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "_read", lambda _: document)
        try:
            assert isinstance(config.load([Path("any.toml")]), Settings)
        except ConfigError as error:
            assert str(error).startswith("any.toml: ")  # noqa: PT017 - either outcome is right


def _with(table: Any, place: tuple[str, ...], found: Any) -> Any:
    """The document with ``found`` instead of the table at ``place``, or with its keys in that table."""
    if place:
        return {**table, place[0]: _with(table[place[0]], place[1:], found)}
    return {**table, **found} if isinstance(found, dict) else found


# One part of a configuration.


def _pair() -> Settings:
    datasets = {name: DatasetSpec(name, "digits") for name in ("photos", "digits")}
    models = {name: ModelSpec(name, "timm:x") for name in ("net", "wide")}
    gates = {(m, d): Gate(0.5) for m in models for d in datasets}
    return Settings(Path("imgcls.toml"), datasets, models, gates, {"top1": Margin(0.01, 0.9)})


def test_select_keeps_what_is_asked_for() -> None:
    """Only the named models and data sets remain, in their own order, with the gates of the remaining pairs."""
    found = config.select(_pair(), ["wide"], ["digits", "photos"])
    assert (list(found.models), list(found.datasets)) == (["wide"], ["photos", "digits"])
    assert list(found.gates) == [("wide", "photos"), ("wide", "digits")]
    assert found.margins == {"top1": Margin(0.01, 0.9)}
    assert config.select(_pair(), None, None) == _pair()


def test_select_remembers_whose_gates_it_left_out() -> None:
    """A gate of a model or of a data set that was not asked for is not forgotten."""
    assert config.select(_pair(), ["wide"], None).left_out == (("net", "photos"), ("net", "digits"))
    assert config.select(_pair(), None, ["digits"]).left_out == (("net", "photos"), ("wide", "photos"))
    assert config.select(_pair(), None, None).left_out == ()


@pytest.mark.parametrize(
    ("models", "datasets", "says"),
    [
        (["wyde"], None, "no model 'wyde' in imgcls.toml; did you mean 'wide'?"),
        (None, ["photo"], "no data set 'photo' in imgcls.toml; did you mean 'photos'?"),
        (["net", ""], None, "no model '' in imgcls.toml; known: net, wide"),
    ],
)
def test_select_refuses_unknown_names(models: list[str] | None, datasets: list[str] | None, says: str) -> None:
    """A name that the configuration does not have selects nothing in silence."""
    with pytest.raises(ConfigError, match=f"^{re.escape(says)}$"):
        config.select(_pair(), models, datasets)


# Margins of a command line.


def test_margins_are_an_accuracy_and_a_fraction() -> None:
    """One per accuracy, with 95 % confidence; none at all is nothing."""
    assert config.margins(["top1:0.005", "top5:0"]) == {"top1": Margin(0.005, 0.95), "top5": Margin(0.0, 0.95)}
    assert config.margins([]) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("top1", "[compare.top1] margin: must be a fraction in [0, 1], not ''"),
        ("top1:", "[compare.top1] margin: must be a fraction in [0, 1], not ''"),
        ("top1:half", "[compare.top1] margin: must be a fraction in [0, 1], not 'half'"),
        ("top1:0.5 %", "[compare.top1] margin: must be a fraction in [0, 1], not '0.5 %'"),
        ("top1:0.01:0.9", "[compare.top1] margin: must be a fraction in [0, 1], not '0.01:0.9'"),
        ("top1:2", "[compare.top1] margin: 2.0 is not a fraction in [0, 1]; write 0.02"),
        ("top1:-0.01", "[compare.top1] margin: -0.01 is not a fraction in [0, 1]"),
        ("top1:nan", "[compare.top1] margin: nan is not a fraction in [0, 1]"),
        ("top1:1", "[compare.top1] margin: 1 allows everything; it must be below 1"),
        ("top10:0.01", "[compare] top10: unknown key; did you mean 'top1'?"),
        ("0.01", "[compare] 0.01: unknown key; known: top1, top5"),
    ],
)
def test_a_margin_that_is_none_is_refused_as_it_was_written(text: str, says: str) -> None:
    """The option's own words come first, and then the same complaints as about ``[compare]``."""
    with pytest.raises(ConfigError, match=f"^{re.escape(f'compare-fail {text}: {says}')}$"):
        config.margins([text])


def test_asked_margins_go_before_the_configured_ones() -> None:
    """The margin is replaced, its configured confidence stays, and what else is configured stays too."""
    found = config.with_margins(_pair(), ["top1:0.2", "top5:0.3"])
    assert found.margins == {"top1": Margin(0.2, 0.9), "top5": Margin(0.3, 0.95)}
    assert config.with_margins(_pair(), ["top5:0.3"]).margins == {"top1": Margin(0.01, 0.9), "top5": Margin(0.3, 0.95)}
    assert config.with_margins(_pair(), []) == _pair()
    assert found.gates == _pair().gates


# The map of folders.


def _map(folder: Path, text: str | bytes) -> dict[str, list[tuple[Any, str]]]:
    file = folder / "map.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return config.label_map(file)


@pytest.mark.parametrize("column", ["wnid", "name", "index"])
def test_a_map_has_several_rows_per_folder(tmp_path: Path, column: str) -> None:
    """Every row adds an id to its folder; other columns, a byte order mark and spaces do not matter."""
    text = f"\ufefffolder,note,{column}\r\ncat,x, 1 \r\ndog,,2\r\n cat,y,3\r\n"
    assert _map(tmp_path, text) == {"cat": [(column, "1"), (column, "3")], "dog": [(column, "2")]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("folder,wnid,name\n", "wants the columns folder and one of wnid, name, index; it has folder, wnid, name"),
        ("wnid\n", "wants the columns folder and one of wnid, name, index; it has wnid"),
        ("", "wants the columns folder and one of wnid, name, index; it has none"),
        ("folder,wnid\ncat,n1\ncat,\n", "line 3: folder or wnid is empty"),
        ("folder,wnid\ncat\n", "line 2: folder or wnid is empty"),
        ("folder,wnid\n ,n1\n", "line 2: folder or wnid is empty"),
        (b"folder,wnid\ncat,\xff\n", "the map file cannot be read: 'utf-8' codec"),
        ("folder,wnid\ncat," + "n" * 200_000, "the map file cannot be read: field larger than field limit"),
    ],
)
def test_a_map_with_a_hole_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    """What is not a map is told with the file and the line."""
    with pytest.raises(ConfigError, match=rf"map\.csv(: |, ){says}"):
        _map(tmp_path, text)


def test_a_missing_map_says_so(tmp_path: Path) -> None:
    """A map that is not there is told with its name."""
    with pytest.raises(ConfigError, match=r"map\.csv: the map file cannot be read: .*No such file"):
        config.label_map(tmp_path / "map.csv")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('options = { checkpoint_path = "x.pth" }', r"checkpoint_path: say which weights are loaded with `weights`"),
        ("options = { pretrained = true }", r"pretrained: say which weights"),
        ("options = { rate = nan }", r"options are strings, finite numbers"),
        ("options = { day = 2026-11-22 }", r"options are strings, finite numbers"),
        (f'weights = "random:0"\nsha256 = "{"0" * 64}"', r"sha256: pins a weights file, and this model has none"),
    ],
)
def test_weights_come_from_one_key(tmp_path: Path, lines: str, message: str) -> None:
    """Options cannot load weights past the reader, are values that can be hashed, and a pin needs a file."""
    file = tmp_path / "imgcls.toml"
    file.write_text(f'[models.m]\narch = "timm:test_resnet"\n{lines}\n')
    with pytest.raises(ConfigError, match=message):
        config.load([file])
