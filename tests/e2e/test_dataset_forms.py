"""The same images, whatever form their dataset has: the same document, and nothing is computed twice."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import in_process
from conftest import CONFIGURATION, Command, Project
from dataset_forms import files_below, parquet_of, samples_of, serving, tar_of, zip_of

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

PASSING = frozenset({
    "made_at", "seal", "passes", "images_per_second", "set_seconds", "from_store", "notes", "path", "rank", "runtimes",
    "choice", "compile_seconds", "convert_seconds", "load_seconds",
})  # fmt: skip
"""What is another in each run: times, what the store knew, where images are, and what was guessed of that."""

MODULE = """
from pathlib import Path

def items():
    return [(file.read_bytes(), file.parent.name) for file in sorted(Path({root!r}).rglob("*.*"))]
"""
"""A module with a factory of pairs of bytes and label."""


def lasting(document: Any) -> Any:
    """A document without what passes."""
    if isinstance(document, dict):
        return {key: lasting(value) for key, value in document.items() if key not in PASSING}
    return [lasting(value) for value in document] if isinstance(document, list) else document


def forms_of(source: Path, out: Path) -> Mapping[str, str]:
    """The images of a folder in every other form, as paths of datasets from ``out`` on."""
    members = files_below(source)
    tar_of(out / "photos.tar", {f"photos/{path}": data for path, data in members.items()})
    zip_of(out / "photos.zip", members)
    half = len(members) // 2
    for number, part in enumerate((list(members.items())[:half], list(members.items())[half:])):
        tar_of(out / f"wds-{number:03}.tar", samples_of(dict(part)))
        parquet_of(out / f"train-{number}.parquet", dict(part))
    rows = "".join(f"{(source / path).as_posix()},{path.partition('/')[0]}\n" for path in members)
    (out / "photos.csv").write_text(f"path,label\n{rows}")
    (out / "forms_of_photos.py").write_text(MODULE.format(root=str(source)))
    memory = fsspec.filesystem("memory")
    for path, data in members.items():
        memory.pipe_file(f"/photos/{path}", data)
    return {
        "tar": "photos.tar",
        "zip": "photos.zip",
        "WebDataset": "wds-{000..001}.tar",
        "Parquet": "train-*.parquet",
        "CSV": "photos.csv",
        "memory": "memory://photos",
        "python": "python:forms_of_photos:items",
    }


Serve = Callable[[Path], str]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What stays in this process is forgotten afterwards: files in memory and the module of a factory."""
    yield
    fsspec.filesystem("memory").store.clear()
    sys.modules.pop("forms_of_photos", None)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A web server for a file."""
    files = dict[str, bytes]()
    with serving(files) as site:

        def put(file: Path) -> str:
            files[f"/{file.name}"] = file.read_bytes()
            return f"{site.url}/{file.name}"

        yield put


@pytest.mark.slow
def test_every_form_gives_the_same_document(project: Project, imgcls: Command, serve: Serve) -> None:
    """From the same images: predictions, counts and verdicts; the second form computes nothing."""
    assert imgcls("score", "--json", "folder.json").ret == 0
    expected = lasting(json.loads(Path("folder.json").read_text()))
    forms = forms_of(project.folder / "colours", project.folder)
    project.forget_forwards()
    for form, path in {**forms, "http": serve(Path("photos.zip"))}.items():
        project.configure(CONFIGURATION.replace('path = "colours"', f'path = "{path}"'))
        result = imgcls("score", "--json", "form.json")
        assert result.ret == 0, (form, result.outlines)
        document = json.loads(Path("form.json").read_text())
        assert lasting(document) == expected, form
        assert [of["from_store"] for of in document["results"]] == [12], form
    assert project.images_inferred() == 0


def test_the_books_are_right_where_a_shard_is_missing(project: Project, imgcls: Command) -> None:
    """Its images cannot be counted: it is a rejection by its name, and the gate is red."""
    forms_of(project.folder / "colours", project.folder)
    Path("wds-001.tar").unlink()
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "wds-{000..001}.tar"'))
    result = imgcls("score", "--json", "r.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL*1 of 7 images rejected*", "*wds-001.tar: missing: No such file or directory*"])
    (scores,) = json.loads(Path("r.json").read_text())["results"]
    assert (scores["listed"], scores["scored"], scores["rejected"]) == (7, 6, 1)


def test_a_shard_that_vanishes_midway_is_in_the_books(project: Project, imgcls: Command) -> None:
    """What was not scored by then is rejected as missing, each image by its path."""
    forms_of(project.folder / "colours", project.folder)
    (project.folder / "nets.py").write_text(
        (project.folder / "nets.py")
        .read_text()
        .replace(
            "        copies = padding(batch)\n        with",
            '        pathlib.Path("photos.tar").unlink(missing_ok=True)\n        copies = padding(batch)\n        with',
        )
    )
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "photos.tar"'))
    assert imgcls("score", "--json", "r.json", "--store", "off").ret == 1
    (scores,) = json.loads(Path("r.json").read_text())["results"]
    assert scores["scored"] + scores["rejected"] == scores["listed"] == 12


@pytest.mark.slow
@pytest.mark.shared
def test_every_form_of_photographs_gives_the_same_document(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """A hundred of them by a real network: the folder is computed, and every other form comes from the store."""
    source = tmp_path / "source"
    for folder in sorted((shared_data / "photos").iterdir())[::10]:
        (source / folder.name).mkdir(parents=True)
        for photograph in folder.iterdir():
            (source / folder.name / photograph.name).symlink_to(photograph)
    monkeypatch.chdir(tmp_path)
    weights = shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors"
    model = f'[models.net]\narch = "torchvision:squeezenet1_0"\nweights = "{weights}"\nruntime = "eager"\n'
    documents = dict[str, Any]()
    others = forms_of(source, tmp_path)
    for form, path in {"folder": "source", **others, "http": serve(Path("photos.zip"))}.items():
        Path("imgcls.toml").write_text(f'[datasets.photos]\npath = "{path}"\n{model}')
        assert in_process.run_command("score", "--json", "r.json").ret == 0
        documents[form] = json.loads(Path("r.json").read_text())
    assert {form: document["results"][0]["from_store"] for form, document in documents.items()} == {
        form: 0 if form == "folder" else 100 for form in documents
    }
    expected = lasting(documents["folder"])
    assert [form for form, document in documents.items() if lasting(document) != expected] == []
