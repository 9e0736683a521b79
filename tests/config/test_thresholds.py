"""imgcls.config.thresholds: gates and margins are read key by key, and one that could never be shown is refused."""

import re
from pathlib import Path

import pytest

from configurations import BASE, assert_refused, load_text
from imgcls.config import thresholds
from imgcls.errors import ConfigError
from imgcls.records.thresholds import Gate, LatencyGate, Margin, MemoryGate, ProvenThreshold


def test_a_star_gives_the_keys_that_a_model_does_not(tmp_path: Path) -> None:
    """``"*"`` holds for every model, key by key, where the model's own gate does not have the key."""
    loaded = load_text(
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
    assert loaded.gates == {
        ("net", "photos"): Gate(0.7, 0.9, min_images=10),
        ("net", "other"): Gate(top5=0.8),
        ("wide", "photos"): Gate(0.5, min_images=10, max_rejected=0.1),
    }


def test_a_star_leaves_out_what_a_model_leaves_out(tmp_path: Path) -> None:
    """A model that is not scored on a dataset has no gate there from ``"*"``."""
    text = BASE + 'datasets = ["other"]\n[gates."*"]\nphotos = { top1 = 0.5 }\nother = { top1 = 0.6 }\n'
    assert load_text(tmp_path, text).gates == {
        ("net", "photos"): Gate(0.5),
        ("net", "other"): Gate(0.6),
        ("wide", "other"): Gate(0.6),
    }


@pytest.mark.parametrize("key", ["top1", "top5"])
@pytest.mark.parametrize(
    ("table", "proven"),
    [
        ("{ min = 0.76, confidence = 0.99 }", ProvenThreshold(0.76, 0.99)),
        ("{ min = 0.76 }", ProvenThreshold(0.76, 0.95)),
        ("{ min = 0, confidence = 0.5 }", ProvenThreshold(0.0, 0.5)),
    ],
)
def test_a_threshold_may_be_a_table(tmp_path: Path, key: str, table: str, proven: ProvenThreshold) -> None:
    """``min`` must then be shown, with 95 % confidence by default."""
    gate = load_text(tmp_path, f"{BASE}[gates.net]\nphotos = {{ {key} = {table} }}").gates["net", "photos"]
    assert gate == (Gate(top1=proven) if key == "top1" else Gate(top5=proven))


def test_a_models_own_threshold_replaces_that_of_a_star_whole(tmp_path: Path) -> None:
    """A plain number is not mixed with the confidence of ``"*"``, nor the other way round."""
    loaded = load_text(
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
    assert loaded.gates == {
        ("net", "photos"): Gate(0.7, macro_f1=0.4),
        ("net", "other"): Gate(ProvenThreshold(0.6)),
        ("wide", "photos"): Gate(ProvenThreshold(0.5, 0.99), macro_f1=0.4),
        ("wide", "other"): Gate(0.5),
    }


@pytest.mark.parametrize("gate", ["{}", "{ max_rejected = 0.5 }"])
def test_a_gate_without_a_threshold_is_refused(tmp_path: Path, gate: str) -> None:
    """A gate that holds nothing would count as one that holds."""
    assert_refused(
        tmp_path,
        f"{BASE}[gates.net]\nphotos = {gate}",
        "[gates.net.photos]: a gate needs a threshold: top1, top5, macro_f1, class_top1, worst_class or min_images",
    )


@pytest.mark.parametrize("gate", ["top1 = { min = 0.5 }", "top5 = 0.5", "macro_f1 = 0.5", "min_images = 1"])
def test_each_threshold_makes_a_gate(tmp_path: Path, gate: str) -> None:
    """One is enough."""
    assert list(load_text(tmp_path, f"{BASE}[gates.net]\nphotos = {{ {gate} }}").gates) == [("net", "photos")]


def test_a_gate_that_could_never_be_shown_is_refused(tmp_path: Path) -> None:
    """A gate of a pair that the model's ``datasets`` leaves out would never be evaluated."""
    assert_refused(
        tmp_path,
        BASE + 'datasets = ["other"]\n[gates.wide]\nphotos = { top1 = 0.5 }\n',
        "[gates.wide.photos]: [models.wide] datasets leaves 'photos' out, so this gate could never be shown",
    )


def test_latency_and_memory_gates(tmp_path: Path) -> None:
    """Milliseconds and sizes with units; ``"*"`` gives the keys that a model does not give itself."""
    settings = load_text(
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
    ("text", "message"),
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
def test_mistakes_in_latency_and_memory_gates(tmp_path: Path, text: str, message: str) -> None:
    """Each names table, key and what is expected."""
    assert_refused(tmp_path, BASE + text, message)


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
    assert_refused(tmp_path, BASE + f"[gates.net.photos]\n{key} = {value}", f"[gates.net.photos] {key}: {why}")


@pytest.mark.parametrize(
    ("table", "message"),
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
def test_a_proven_threshold_is_checked_key_by_key(tmp_path: Path, table: str, message: str) -> None:
    """``min`` is a fraction and needed, and a confidence below one half would be none."""
    assert_refused(tmp_path, f"{BASE}[gates.net.photos]\ntop5 = {table}", f"[gates.net.photos.top5] {message}")


@pytest.mark.parametrize("key", ["macro_f1", "max_rejected"])
def test_only_an_accuracy_can_be_shown(tmp_path: Path, key: str) -> None:
    """There is no exact bound for the others."""
    assert_refused(
        tmp_path,
        f"{BASE}[gates.net.photos]\n{key} = {{ min = 0.5 }}",
        f"[gates.net.photos] {key}: must be a fraction in [0, 1], not {{'min': 0.5}}",
    )


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_margins_are_checked_key_by_key(tmp_path: Path, text: str, message: str) -> None:
    """An accuracy has a margin, a fraction below 1, and a confidence."""
    assert_refused(tmp_path, text, message)


@pytest.mark.parametrize(
    ("value", "shown"), [("0", "0"), ("-5", "-5"), ("5.0", "5.0"), ("true", "True"), ('"5"', "'5'")]
)
def test_min_images_is_a_whole_number_above_0(tmp_path: Path, value: str, shown: str) -> None:
    """A count of images is a positive integer, and a boolean is none."""
    text = BASE + f"[gates.net.photos]\nmin_images = {value}"
    assert_refused(tmp_path, text, f"[gates.net.photos] min_images: {shown} is not a whole number above 0")


def test_margins_are_an_accuracy_and_a_fraction() -> None:
    """One per accuracy, with 95 % confidence; none at all is nothing."""
    assert thresholds.margins(["top1:0.005", "top5:0"]) == {"top1": Margin(0.005, 0.95), "top5": Margin(0.0, 0.95)}
    assert thresholds.margins([]) == {}


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_a_wrong_margin_is_refused_as_it_was_written(text: str, message: str) -> None:
    """The option's own words come first, and then the same complaints as about ``[compare]``."""
    with pytest.raises(ConfigError, match=f"^{re.escape(f'compare-fail {text}: {message}')}$"):
        thresholds.margins([text])


# Gates of classes.


def test_gates_of_classes_are_read(tmp_path: Path) -> None:
    """What must be shown of every class is a table, what must be observed of the lowest a number."""
    text = f"{BASE}[gates.net]\nphotos = {{ class_top1 = {{ min = 0.5 }}, worst_class = 0.4 }}"
    gate = load_text(tmp_path, text).gates["net", "photos"]
    assert gate == Gate(class_top1=ProvenThreshold(0.5), worst_class=0.4)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "class_top1 = 0.5",
            (
                "class_top1: must be a table, as in { min = 0.5 }, because it is shown of every class; "
                "what must be observed of the lowest class is worst_class = 0.5"
            ),
        ),
        (
            "worst_class = { min = 0.4, confidence = 0.9 }",
            (
                "worst_class: must be a fraction, because it is observed of the lowest class; "
                "what must be shown of every class is class_top1 = { min = 0.4 }"
            ),
        ),
        ("worst_class = 40", "worst_class: 40 is not a fraction in [0, 1]; write 0.4"),
    ],
)
def test_the_two_gates_of_classes_are_not_written_like_each_other(tmp_path: Path, keys: str, message: str) -> None:
    """Each names the other one, which is what is meant."""
    assert_refused(tmp_path, f"{BASE}[gates.net]\nphotos = {{ {keys} }}", f"[gates.net.photos] {message}")
