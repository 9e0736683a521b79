"""Whether two installations of imgcls give the same results for the same work: documents, exit codes, goldens.

    python bench/same_results.py OLD/.venv/bin/python NEW/.venv/bin/python [--shared DIR] [--parts documents,doors]

For two commits, each in a folder of its own with its own virtual environment, and the same versions of all libraries in
both. Prints a table of what is equal and what differs; the exit code is 0 only where all is equal. To repeat it, make
both environments anew (``pip install -e '.[test]'``) and run the line above; nothing is written outside of a temporary
folder. ``--shared`` is the folder of real photographs (``../shared/data``); without it their rows are left out.

``documents``: what ``imgcls score --json`` writes for the built-in models, and for three networks on the photographs,
by the runtime ``eager`` and, where both have OpenVINO, by the one that imgcls chooses. Left out of the comparison are
dates, versions, seconds, rates, memory and the keys of predictions. A key that only the new one has is no difference, a
key that it lacks is one. Sentences for people may be worded anew, but keep their numbers. Probabilities may differ by
:data:`PROBABILITY`, since a sum in another order has other last bits; classes, counts and verdicts are the same.

``commands``: the exit code of every command and of pytest in many situations, each in a fresh folder; of some also the
numbers that they print, or the files that they write. ``goldens``: the files' bytes, and that all hold. ``doors``: in
the new installation the library, the command and pytest write one and the same document.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

from PIL import Image

PROBABILITY = 1e-5
"""How far a probability may be off where the order of a sum changed."""

SENTENCES = {"message", "detail", "runtime_note", "check", "refusals", "changed"}
"""Keys of the document whose values are written for people."""

VARYING = {"made_at", "images_per_second", "peak_rss_bytes", "prediction_key"}
"""Keys whose values are of one run; those that end in ``seconds`` are, too."""

PHOTO_COUNTS = {
    ("squeezenet", "photos"): (612, 833, 1000), ("squeezenet", "photos10"): (39, 45, 50),
    ("mobilenet_qat", "photos"): (892, 982, 1000), ("mobilenet_qat", "photos10"): (47, 48, 50),
    ("mobilenet_ptq", "photos"): (894, 984, 1000), ("mobilenet_ptq", "photos10"): (47, 49, 50),
}  # fmt: skip
"""Correct by top-1, by top-5, and scored: what a plain loop over the same files counts."""

COUNTS = ("top1_count", "top5_count", "scored")

PARTS = ["goldens", "documents", "doors", "commands"]

DIGITS = '[datasets.digits]\npath = "digits"\n'  # not "builtin:digits", which the older side need not know
INPUT = 'resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'


def _vit(weights: str = "builtin:digits_vit", arch: str = "timm:test_vit", **keys: str) -> str:
    """The table of a small model of digits."""
    table = {"arch": f'"{arch}"', "weights": f'"{weights}"', "labels": '"digits"', "input": f"{{ {INPUT} }}"}
    table["options"] = "{ num_classes = 10, img_size = 32, patch_size = 8 }"
    return "[models.digits_vit]\n" + "".join(f"{key} = {value}\n" for key, value in (table | keys).items())


def _gate(text: str, dataset: str = "digits") -> str:
    return f"[gates.digits_vit]\n{dataset} = {{ {text} }}\n"


def _folder(name: str, labels: str = "name") -> str:
    """The table of a dataset among the images that the script draws."""
    return f'[datasets.{name}]\npath = "$scene/{name}"\nlabels = "{labels}"\n'


RESNET = f"""[models.digits_resnet]
arch = "timm:test_resnet"
weights = "builtin:digits_resnet"
options = {{ num_classes = 10 }}
labels = "digits"
input = {{ {INPUT} }}
"""
PLAIN = _vit() + DIGITS
GATED = PLAIN + _gate("top1 = 0.97, top5 = 0.995, min_images = 360")
BOTH = GATED + RESNET
GOLDEN = f"{DIGITS}golden = true\n"
GOLDENS = {"golden": "$root/golden"}


@dataclass(frozen=True, slots=True)
class Case:
    """A command in a situation, and the exit code that it should have.

    In all texts ``$scene`` is the folder of drawn images, ``$made`` what this installation has made, ``$old`` what
    the old one has, ``$root`` this one's repository. ``config``: the text of ``imgcls.toml``, None for none.
    ``numbers``: whether both print the same numbers. ``copies``: what the folder begins with. ``same_files``: files
    that both write, to the byte alike.
    """

    title: str
    code: int
    command: str
    config: str | None = GATED
    numbers: bool = False
    copies: Mapping[str, str] = field(default_factory=dict)
    same_files: tuple[str, ...] = ()


SCORE = "imgcls score --store off"

SCORING = (
    Case("all gates hold", 0, SCORE),
    Case("no gates", 0, SCORE, PLAIN),
    Case("a gate fails", 1, SCORE, PLAIN + _gate("top1 = 0.999")),
    Case("too few images", 1, SCORE, PLAIN + _gate("top1 = 0.97, min_images = 361")),
    Case("inconclusive", 1, SCORE, PLAIN + _gate("top1 = { min = 0.985, confidence = 0.95 }")),
    Case("inconclusive, allowed", 0, f"{SCORE} --inconclusive warn", PLAIN + _gate("top1 = { min = 0.985 }")),
    Case("no configuration", 2, SCORE, None),
    Case("unknown model", 2, f"{SCORE} --models digits_vti"),
    Case("unknown dataset", 2, f"{SCORE} --datasets digts"),
    Case("unknown option", 2, f"{SCORE} --modles digits_vit"),
    Case("unknown key", 2, SCORE, PLAIN + "golde = true\n"),
    Case("a percentage as threshold", 2, SCORE, PLAIN + _gate("top1 = 97")),
    Case("unknown architecture", 2, SCORE, _vit(arch="timm:test_vti") + DIGITS),
    Case("a dataset's folder is missing", 2, SCORE, _vit() + _folder("nowhere")),
    Case("folders that are not the model's classes", 2, SCORE, _vit() + _folder("strange")),
    Case("a rejected image", 1, SCORE, _vit() + _folder("broken") + _gate("top5 = 0.0", "broken")),
    Case("weights are missing", 3, SCORE, _vit("nowhere.safetensors") + DIGITS),
    Case("weights of another sum", 1, SCORE, _vit(sha256=f'"{"0" * 64}"') + DIGITS),
    Case("no such device", 3, f"{SCORE} --device cuda"),
    Case("baseline is missing", 2, f"{SCORE} --baseline nowhere.json"),
    Case("baseline is not a run", 2, f"{SCORE} --baseline imgcls.toml"),
    Case("no last run", 2, "imgcls score --baseline last"),
    Case("as good as the baseline", 0, f"{SCORE} --baseline $made/run.json --compare-fail top1:0.02"),
    Case("as good as a baseline of the old one", 0, f"{SCORE} --baseline $old/run.json --compare-fail top1:0.02"),
    Case(
        "worse than the baseline", 1, f"{SCORE} --baseline $made/run.json --compare-fail top1:0.02",
        _vit("random:0") + DIGITS,
    ),
    Case("a margin without a baseline", 2, f"{SCORE} --compare-fail top1:0.02"),
    Case("a margin that is none", 2, f"{SCORE} --baseline $made/run.json --compare-fail top1:x"),
    Case("saved", 0, f"{SCORE} --save saved.json"),
    Case("failed, and not saved", 1, f"{SCORE} --save saved.json", PLAIN + _gate("top1 = 0.999")),
    Case("a document in a folder that is missing", 2, f"{SCORE} --json nowhere/document.json"),
    Case("trusted times without a store", 2, f"{SCORE} --trust-mtime"),
    Case("with a store", 0, "imgcls score --store stored --trust-mtime"),
)  # fmt: skip

PREDICTING = (
    Case("an image", 0, "imgcls predict $scene/images/zero/0.png", numbers=True),
    Case("a folder", 0, "imgcls predict $scene/images --models digits_vit", numbers=True),
    Case("a missing file", 1, "imgcls predict nowhere.png"),
    Case("a broken image", 1, "imgcls predict $scene/broken/zero/cut.png"),
    Case("nothing", 2, "imgcls predict"),
    Case("unknown model", 2, "imgcls predict $scene/images --models digits_vti"),
)

COMPARING = (
    Case("two runs", 0, "imgcls compare $made/run.json $made/other.json", numbers=True),
    Case("a run of the old one", 0, "imgcls compare $old/run.json $made/run.json"),
    Case("a run and two of its models", 0, "imgcls compare $made/run.json digits_vit digits_resnet", numbers=True),
    Case("not worse", 0, "imgcls compare $made/run.json $made/run.json --compare-fail top1:0.02", numbers=True),
    Case("worse", 1, "imgcls compare $made/run.json $made/other.json --compare-fail top1:0.02", numbers=True),
    Case("two models, scored and measured", 0, "imgcls compare digits_vit digits_resnet --store off", BOTH),
    Case("an unknown file", 2, "imgcls compare $made/run.json nowhere.json"),
    Case("an unknown model", 2, "imgcls compare digits_vit digits_vti"),
    Case("a run alone", 2, "imgcls compare $made/run.json"),
)

MEASURING = (
    Case("its own file twice", 0, "imgcls bench-compare $made/bench.json $made/bench.json --effect 0.9"),
    Case("a file of the old one", 0, "imgcls bench-compare $old/bench.json $old/bench.json --effect 0.9", numbers=True),
    Case("a missing file", 2, "imgcls bench-compare $made/bench.json nowhere.json"),
    Case("a file and a model", 2, "imgcls bench-compare $made/bench.json digits_vit"),
    Case("an effect that is none", 2, "imgcls bench-compare $made/bench.json $made/bench.json --effect 5"),
)  # fmt: skip

TRAIN = f"imgcls train digits --arch timm:test_resnet --epochs 1 --out out --no-flip --input '{INPUT}'"

OTHERS = (
    Case("profile: a model", 0, "imgcls profile digits_vit --repeats 1 --json profile.json"),
    Case("profile: unknown model", 2, "imgcls profile digits_vti"),
    Case("profile: unknown model of timm", 2, "imgcls profile timm:test_vti"),
    Case("train: one epoch", 0, TRAIN, None, same_files=("out/last.safetensors", "out/imgcls.toml")),
    Case("train: unknown optimizer", 2, f"{TRAIN} --optimizer nadma", None),
    Case("train: no data", 2, TRAIN.replace("digits", "nowhere", 1), None),
    Case("labels check: they meet", 0, "imgcls labels check", numbers=True),
    Case("labels check: they do not", 2, "imgcls labels check", _vit() + _folder("strange")),
    Case("no command", 2, "imgcls", None),
    Case("unknown command", 2, "imgcls nonsense", None),
    Case("--version", 0, "imgcls --version", None, numbers=True),
)

PYTEST = "pytest -q --rootdir=. -p no:cacheprovider test_models.py --imgcls-store off"

TESTING = (
    Case("accuracy, all gates hold", 0, f"{PYTEST} -m accuracy"),
    Case("accuracy, a gate fails", 1, f"{PYTEST} -m accuracy", PLAIN + _gate("top1 = 0.999")),
    Case("accuracy, inconclusive", 1, f"{PYTEST} -m accuracy", PLAIN + _gate("top1 = { min = 0.985 }")),
    Case("accuracy, weights are missing", 1, f"{PYTEST} -m accuracy", _vit("nowhere.safetensors") + DIGITS),
    Case(
        "accuracy, a rejected image", 1, f"{PYTEST} -m accuracy",
        _vit() + _folder("broken") + _gate("top5 = 0.0", "broken"),
    ),
    Case("golden, it holds", 0, f"{PYTEST} -m golden", _vit() + GOLDEN, copies=GOLDENS),
    Case("golden, other weights", 1, f"{PYTEST} -m golden", _vit("random:0") + GOLDEN, copies=GOLDENS),
    Case("golden, there is none", 1, f"{PYTEST} -m golden", _vit() + GOLDEN),
    Case(
        "golden, written", 0, f"{PYTEST} -m golden --imgcls-update-golden", _vit() + GOLDEN,
        same_files=("golden/digits/digits_vit.json",),
    ),
    Case("gates required, and evaluated", 0, f"{PYTEST} -m accuracy --imgcls-require-gates"),
    Case(
        "gates required, and not evaluated", 1, f"{PYTEST} -m golden --imgcls-require-gates",
        _vit() + GOLDEN + _gate("top1 = 0.97"), copies=GOLDENS,
    ),
    Case("no test selected", 5, f"{PYTEST} -k nothing"),
    Case("no configuration", 4, f"{PYTEST} -m accuracy", None),
    Case("unknown key", 4, f"{PYTEST} -m accuracy", PLAIN + "golde = true\n"),
    Case("unknown model", 4, f"{PYTEST} -m accuracy --imgcls-models digits_vti"),
    Case("unknown device", 4, f"{PYTEST} -m accuracy --imgcls-device tpu"),
    Case("trusted times without a store", 4, f"{PYTEST} -m accuracy --imgcls-trust-mtime"),
    Case("baseline is missing", 4, f"{PYTEST} -m accuracy --imgcls-baseline nowhere.json"),
    Case(
        "as good as the baseline", 0,
        f"{PYTEST} -m accuracy --imgcls-baseline $made/run.json --imgcls-compare-fail top1:0.02",
    ),
    Case("xdist without a store", 4, f"{PYTEST} -m accuracy -n 2"),
)  # fmt: skip

CASES: dict[str, tuple[Case, ...]] = {
    "score": SCORING, "predict": PREDICTING, "compare": COMPARING, "bench-compare": MEASURING, "": OTHERS,
    "pytest": TESTING,
}  # fmt: skip

FIRST = (
    Case("a run", 0, f"{SCORE} --json run.json", BOTH),
    Case("another run", 0, f"{SCORE} --json other.json", _vit("random:0") + RESNET + DIGITS),
    Case("benchmarks", 0, "pytest -q test_latency.py --imgcls-store off --benchmark-json bench.json", PLAIN),
)
"""What other cases read; it is made by each installation before."""

DOORS = {
    "library": (
        "python -c 'import imgcls; "
        'imgcls.score("digits_vit", "digits", config="imgcls.toml", store=None).save("document.json")\''
    ),
    "command": f"{SCORE} --json document.json",
    "pytest": f"{PYTEST} -m accuracy --imgcls-json document.json",
}
"""One run, started in three ways."""


class Installation(NamedTuple):
    """One side: its interpreter, its repository, and the folder that it works in."""

    name: str
    python: Path
    root: Path
    work: Path


class Sides(NamedTuple):
    """Both sides, the folder of drawn images, and that of real photographs where there is one."""

    old: Installation
    new: Installation
    scene: Path
    shared: Path | None

    def both(self, case: "Case", name: str) -> tuple["Outcome", "Outcome"]:
        """Run a case in a folder of this name on either side, at the same time."""
        with ThreadPoolExecutor(2) as workers:
            before, after = workers.map(lambda side: self.run(side, case, name), (self.old, self.new))
        return before, after

    def run(self, side: Installation, case: "Case", name: str) -> "Outcome":
        """Run a case on one side, in a folder that is made where it is not there."""
        places = {"scene": self.scene, "made": side.work / "made", "old": self.old.work / "made", "root": side.root}
        folder = side.work / name
        arguments = _prepared(case, folder, places)
        arguments = arguments[1:] if arguments[0] == "python" else ["-m", *arguments]
        done = subprocess.run(  # noqa: S603 - our own command
            [side.python, *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
        )
        paths = f"{re.escape(str(side.work))}|{re.escape(str(side.root))}"
        return Outcome(done.returncode, re.sub(paths, "", done.stdout), re.sub(paths, "", done.stderr), folder)


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    stdout: str
    stderr: str
    folder: Path


class Row(NamedTuple):
    """A line of the table. ``same``: whether it counts as equal; ``notes`` are printed below the table."""

    title: str
    old: object
    new: object
    same: bool
    result: str
    notes: tuple[str, ...] = ()


class Change(NamedTuple):
    """One place where two documents differ: added, vanished, order (of keys), words, probability, or value."""

    kind: str
    place: str
    old: Any = None
    new: Any = None


def main() -> int:
    """Compare, print; 1 where something differs."""
    options = _options()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="same_results-") as temporary:
        folder = Path(temporary).resolve()
        old, new = (
            Installation(name, python.absolute(), root or _repository(python), folder / name)
            for name, python, root in (("old", options.old, options.old_root), ("new", options.new, options.new_root))
        )
        sides = Sides(old, new, _drawn(folder / "scene"), options.shared)
        parts = {
            "goldens": _golden_rows(sides),
            "documents": _document_rows(sides),
            "doors": _door_rows(sides),
            "commands": _command_rows(sides, options.match),
        }
        rows = [row for part in options.parts for row in _printed(part, parts[part])]
    different = [row.title for row in rows if not row.same]
    print(f"\n{len(rows)} compared, {len(different)} differ; {time.perf_counter() - started:.0f} s")
    for title in different:
        print(f"  {title}")
    return int(bool(different))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, metavar="OLD/bin/python")
    parser.add_argument("new", type=Path, metavar="NEW/bin/python")
    parser.add_argument("--shared", type=lambda text: Path(text).resolve(), metavar="DIR", help="the real photographs")
    parser.add_argument(
        "--old-root", type=Path, metavar="DIR", help="its repository, where it is not installed editable"
    )
    parser.add_argument("--new-root", type=Path, metavar="DIR")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=PARTS, help=f"of {','.join(PARTS)}")
    parser.add_argument("--match", default="", metavar="REGEX", help="only commands whose title in the table has it")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"--parts {', '.join(unknown)}: there are {', '.join(PARTS)}")
    return options


def _repository(python: Path) -> Path:
    """The folder that is installed editable."""
    code = "from importlib.metadata import distribution as d; print(d('imgcls').read_text('direct_url.json'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - as named
    return Path(url2pathname(urlparse(json.loads(done.stdout)["url"]).path))


def _drawn(scene: Path) -> Path:
    """Small images in folders, as :data:`CASES` name them, and three photographs that come with libraries."""
    for folder, label in (("images", "zero"), ("images", "one"), ("broken", "zero"), ("strange", "giraffe")):
        place = scene / folder / label
        place.mkdir(parents=True)
        for number in range(3):
            image = Image.linear_gradient("L").rotate(50 * number + 10 * len(label))
            image.resize((32 + number, 32)).convert("RGB").save(place / f"{number}.png")
    whole = (scene / "broken" / "zero" / "0.png").read_bytes()
    (scene / "broken" / "zero" / "cut.png").write_bytes(whole[: len(whole) // 2])
    for wnid, distribution, file in (
        ("n03877845", "scikit-learn", "sklearn/datasets/images/china.jpg"),
        ("n11939491", "scikit-learn", "sklearn/datasets/images/flower.jpg"),
        ("n03763968", "matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
    ):
        (scene / "pictures" / wnid).mkdir(parents=True)
        shutil.copy(str(metadata.distribution(distribution).locate_file(file)), scene / "pictures" / wnid)
    return scene


def _prepared(case: Case, folder: Path, places: Mapping[str, Path]) -> list[str]:
    """Write what the case begins with; its command, word by word."""

    def filled(text: str) -> str:
        return Template(text).substitute(places)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_models.py").write_text("from imgcls.suite import *\n")
    (folder / "test_latency.py").write_text("from imgcls.suite import test_latency\n")
    if case.config is not None:
        (folder / "imgcls.toml").write_text(filled(case.config))
    for name, source in case.copies.items():
        shutil.copytree(filled(source), folder / name)
    return shlex.split(filled(case.command))


def _environment() -> dict[str, str]:
    """Variables without those that steer pytest, Python or imgcls, and without a GPU."""
    dropped = ("PYTEST_", "PYTHON", "IMGCLS_", "CI")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return inherited | {"CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}


def _printed(part: str, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows of a part, each printed as it comes; notes at its end."""
    print(f"\n| {part} | old | new | |\n| --- | --- | --- | --- |", flush=True)
    notes = []
    for row in rows:
        print(
            f"| {row.title} | {row.old} | {row.new} | {row.result if row.same else f'DIFFERENT: {row.result}'} |",
            flush=True,
        )
        notes += [f"{row.title}: {note}" for note in row.notes]
        yield row
    if notes:
        print("\n" + "\n".join(notes), flush=True)


# Exit codes.


def _command_rows(sides: Sides, match: str) -> Iterator[Row]:
    for side in (sides.old, sides.new):
        for case in FIRST:
            outcome = sides.run(side, case, "made")
            if outcome.code != case.code:
                yield Row(f"{side.name} makes {case.title}", "", outcome.code, False, outcome.stderr + outcome.stdout)
    for command, cases in CASES.items():
        for number, case in enumerate(cases):
            title = f"{command}: {case.title}" if command else case.title
            if re.search(match, title):
                yield _case_row(title, case, *sides.both(case, f"{command}{number}"))


def _case_row(title: str, case: Case, before: Outcome, after: Outcome) -> Row:
    faults = list(_faults(case, before, after))
    notes = []
    first, second = _first_line(before.stderr), _first_line(after.stderr)
    if first != second:
        notes.append(f"stderr\n    old: {first}\n    new: {second}")
    if faults:
        notes += [f"what the new one prints\n{_indented(after.stdout + after.stderr)}"]
    return Row(title, before.code, after.code, not faults, "; ".join(faults) or "equal", tuple(notes))


def _faults(case: Case, before: Outcome, after: Outcome) -> Iterator[str]:
    if before.code != after.code:
        yield "another exit code"
    elif before.code != case.code:
        yield f"expected {case.code} of both"
    if case.numbers and _numbers(before.stdout) != _numbers(after.stdout):
        yield "other numbers are printed"
    for name in case.same_files:
        if not (_bytes(before.folder / name) == _bytes(after.folder / name) != b""):
            yield f"{name} differs, or is not there"


def _first_line(text: str) -> str:
    """The first line that is not progress."""
    lines = (
        line for line in text.splitlines() if line.strip() and not re.search(r"\d+ of \d+ (images|pictures)$", line)
    )
    return next(lines, "")


def _numbers(text: str) -> list[str]:
    """All numbers of a text, dates aside."""
    return re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"\d{4}-\d\d-\d\dT[\d:+]+", "", text))


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-25:])


# Goldens.


def _golden_rows(sides: Sides) -> Iterator[Row]:
    before, after = ({str(file.relative_to(side.root)): file for file in _goldens(side)} for side in sides[:2])
    for name in sorted({*before, *after}):
        old, new = (_bytes(files[name]) if name in files else b"" for files in (before, after))
        same = old == new != b""
        yield Row(name, f"{len(old)} bytes", f"{len(new)} bytes", same, "equal" if same else "other bytes")
    golden, pictures = f"{PYTEST} -m golden --imgcls-config=", _folder("pictures", "wnid") + "golden = true\n"
    yield _held(sides, "digits", 3, f"{golden}$root/imgcls.toml", None)
    architectures = "$root/bench/architectures.toml"
    yield _held(sides, "pictures", 7, f"{golden}{architectures} --imgcls-config=imgcls.toml", pictures)
    if sides.shared:
        yield _held(sides, "photos10", 3, f"{golden}{sides.shared}/imgcls.toml", None)


def _held(sides: Sides, dataset: str, count: int, command: str, config: str | None) -> Row:
    """Whether all goldens of a dataset hold on both sides."""
    case = Case(dataset, 0, command, config, copies=GOLDENS)
    outcomes = sides.both(case, f"golden_{dataset}")
    row = _case_row(f"{dataset}: {count} hold", case, *outcomes)
    if all(f"{count} passed" in outcome.stdout for outcome in outcomes):
        return row
    return row._replace(same=False, result=f"not {count} passed")


def _goldens(side: Installation) -> Iterator[Path]:
    return (side.root / "golden").rglob("*.json")


# Documents.


def _document_rows(sides: Sides) -> Iterator[Row]:
    yield from _scored_rows(sides, "digits", (sides.new.root / "imgcls.toml").read_text())
    if sides.shared:
        text = (sides.shared / "imgcls.toml").read_text()
        eager = re.sub(r"(?m)^(\[models\.[\w-]+\])$", r'\1\nruntime = "eager"', text)
        yield from _scored_rows(sides, "photographs, eager", eager)
        if all(map(_has_openvino, sides[:2])):
            yield from _scored_rows(sides, "photographs, default runtime", text)


def _scored_rows(sides: Sides, title: str, config: str) -> Iterator[Row]:
    """One run of ``imgcls score`` on either side: its exit code, its document and, of photographs, its counts."""
    case, name = Case(title, 0, f"{SCORE} --json document.json", config.replace("$", "$$")), title.replace(" ", "_")
    if title.startswith("photographs") and sides.shared:
        for side in sides[:2]:
            _link(side.work / name, sides.shared)
    outcomes = sides.both(case, name)
    yield _case_row(f"{title}: exit code", case, *outcomes)
    before, after = map(_document, outcomes)
    yield _same_document(title, before, after)
    if title.startswith("photographs"):
        yield _counts_row(title, before, after)


def _has_openvino(side: Installation) -> bool:
    return subprocess.run([side.python, "-c", "import openvino"], capture_output=True, check=False).returncode == 0  # noqa: S603 - as named


def _link(folder: Path, shared: Path) -> None:
    """Make a folder in which a copy of the photographs' configuration finds what it names."""
    folder.mkdir(parents=True)
    for name in ("photos", "photos10", "photos10-classes.csv", "weights"):
        (folder / name).symlink_to(shared / name)


def _document(outcome: Outcome) -> dict[str, Any]:
    """What it wrote, without what differs from run to run; empty where it wrote nothing."""
    file = outcome.folder / "document.json"
    return _normal(json.loads(file.read_bytes())) if file.is_file() else {}


def _normal(value: Any) -> Any:
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _masked(item) if key == "environment" or _varies(key) else _normal(item) for key, item in value.items()
    }


def _varies(key: str) -> bool:
    return key in VARYING or key.endswith("seconds")


def _masked(value: Any) -> Any:
    """The keys stay, so that one that vanishes is seen."""
    return dict.fromkeys(value) if isinstance(value, dict) else None


def _same_document(title: str, before: dict[str, Any], after: dict[str, Any]) -> Row:
    changes = list(_changes(before, after))
    faults = [change for change in changes if change.kind in {"vanished", "value"}]
    result = f"{len(faults)} differences" if faults or not before else _equality(changes, before)
    old, new = map(_size, (before, after))
    return Row(f"{title}: document", old, new, bool(before) and not faults, result, tuple(_notes(changes)))


def _size(document: Mapping[str, Any]) -> str:
    runtimes = dict.fromkeys(str(result.get("runtime")) for result in document.get("results", ()))
    return f"{len(document.get('predictions', ()))} predictions by {', '.join(runtimes)}"


def _equality(changes: Sequence[Change], document: Mapping[str, Any]) -> str:
    moved = [change for change in changes if change.kind == "probability"]
    if not moved:
        return "all values equal to the byte" if changes else "equal to the byte"
    most = max(abs(change.old - change.new) for change in moved)
    count = len({change.place.split(".")[0] for change in moved if change.place.startswith("predictions")})
    total = len(document["predictions"])
    return f"equal classes, probabilities within {most:.2g}; {count} of {total} predictions not equal to the byte"


def _changes(old: Any, new: Any, place: str = "") -> Iterator[Change]:
    """Where two documents differ, key by key."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from (Change("vanished", f"{place}.{key}") for key in old if key not in new)
        yield from (Change("added", f"{place}.{key}") for key in new if key not in old)
        common = [key for key in old if key in new]
        if common != [key for key in new if key in old]:
            yield Change("order", place)
        for key in common:
            yield from _changes(old[key], new[key], f"{place}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _changes(*pair, f"{place}[{number}]")
    elif old != new or type(old) is not type(new):
        yield Change(_kind(place, old, new), place, old, new)


def _kind(place: str, old: Any, new: Any) -> str:
    if isinstance(old, float) and isinstance(new, float) and re.search(r"(\.top|overall_top5)\[\d+\]\[2\]$", place):
        return "probability" if abs(old - new) <= PROBABILITY else "value"
    if isinstance(old, str) and isinstance(new, str) and re.sub(r"\[\d+\]", "", place).rpartition(".")[2] in SENTENCES:
        return "words" if _numbers(old) == _numbers(new) else "value"
    return "value"


def _notes(changes: Sequence[Change]) -> Iterator[str]:
    """A line per kind and key, with how often, and the first example."""
    counts = Counter((change.kind, re.sub(r"\[\d+\]", "[]", change.place)) for change in changes)
    for (kind, place), count in counts.items():
        first = next(c for c in changes if c.kind == kind and re.sub(r"\[\d+\]", "[]", c.place) == place)
        example = f"\n    old: {first.old}\n    new: {first.new}" if (first.old, first.new) != (None, None) else ""
        yield f"{kind} {place or 'document'} ({count}){example[:1000]}"


def _counts_row(title: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Row:
    """The counts of both are those of a plain loop."""
    counts = [
        {(r.get("model"), r.get("dataset")): tuple(map(r.get, COUNTS)) for r in one.get("results", ())}
        for one in (before, after)
    ]
    old, new = ("; ".join(f"{top1}/{top5} of {n}" for top1, top5, n in one.values()) for one in counts)
    same = all(one == PHOTO_COUNTS for one in counts)
    return Row(f"{title}: counts", old, new, same, "as a plain loop counts" if same else f"expected {PHOTO_COUNTS}")


# One run, started in three ways.


def _door_rows(sides: Sides) -> Iterator[Row]:
    documents = {
        name: _document(sides.run(sides.new, Case(name, 0, command), f"door_{name}")) for name, command in DOORS.items()
    }
    for first, second in (("library", "command"), ("command", "pytest")):
        changes = list(_changes(documents[first], documents[second]))
        same = bool(documents[first]) and not changes
        result = "equal to the byte" if same else f"{len(changes)} differences"
        yield Row(f"{first} and {second}: document", first, second, same, result, tuple(_notes(changes)))


if __name__ == "__main__":
    sys.exit(main())
