"""The reference of what is around a run: extras, environment variables, exit codes and errors."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from imgcls import errors
from reference_text import MissingText, code, rebased, required, table

ROOT = Path(__file__).parents[1]

HEAD = """\
# Extras, environment and exit codes
"""

EXTRAS: Mapping[str, str] = {
    "collect": "`imgcls collect`, which gathers images",
    "completion": "completion of commands and options in a shell",
    "docs": "this site, of a clone: `make docs`",
    "heif": "HEIC and HEIF images",
    "lint": "the linters, of a clone: `make lint`",
    "onnx": 'networks in ONNX files: `arch = "onnx:FILE"`, exports, `imgcls quantize --format onnx`',
    "openvino": 'the runtime OpenVINO and its files: `runtime = "openvino"`, `arch = "openvino:FILE.xml"`, exports',
    "parquet": "[datasets in Parquet](../datasets.md)",
    "plugins": "other pytest plugins next to ours, of a clone: `make plugins`",
    "quantize": "`imgcls quantize`, which makes int8 files",
    "ray": "[scoring on Ray](../scale.md): `--engine ray`",
    "remote": "[datasets behind URLs](../datasets.md)",
    "tensorboard": "`imgcls train --tensorboard`",
    "scale": "Ray and a server of S3 for the tests, of a clone: `make test`",
    "test": "the tests, of a clone: `make test`",
    "tflite": 'networks in TensorFlow Lite files: `arch = "tflite:FILE"`',
    "transformers": 'networks of Hugging Face Transformers: `arch = "transformers:ORG/NAME"`',
}

READ = re.compile(r'environ(?:\.get\(|\[)\s*"([A-Z_]+)"|os\.getenv\(\s*"([A-Z_]+)"|"(IMGCLS_[A-Z_]+)"')
"""A variable of the environment, where the source reads it by its name."""


def text() -> str:
    """The page. Raises MissingText for an extra, a variable or an exit code without a text."""
    return "\n".join(
        [
            HEAD,
            "## Extras\n",
            "`pip install 'imgcls[NAME]'` adds what only some need; several are separated by commas.\n",
            table(("extra", "for", "installs"), extras()),
            "## Environment variables\n",
            table(("variable", "effect"), ((code(name), effect) for name, effect in variables().items())),
            "## Exit codes\n",
            table(("code", "meaning"), exit_codes().items()),
            "## Errors\n",
            "`imgcls.errors` has the tree. A command ends with the exit code of its error.\n",
            table(("error", "kind of", "exit code", "meaning"), all_errors()),
        ]
    )


def extras() -> Iterator[tuple[str, str, str]]:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if gone := EXTRAS.keys() - stated.keys():
        raise MissingText(f"there is no extra {', '.join(sorted(gone))}")
    for name, requirements in sorted(stated.items()):
        distributions = (re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in requirements)
        yield code(name), required(EXTRAS.get(name), f"the extra {name}"), ", ".join(distributions)


def variables() -> dict[str, str]:
    """Each variable and its effect. Raises MissingText for one that the source reads and no row explains."""
    rows = _documented("environment variables", "configuration.md")
    if missing := read_variables() - rows.keys():
        what = ", ".join(sorted(missing))
        raise MissingText(f"{what}: no row below <!-- environment variables --> in docs/configuration.md")
    return rows


def read_variables() -> set[str]:
    """The variables that the source reads by their names."""
    sources = ((ROOT / "src" / "imgcls").rglob("*.py"),)
    texts = [file.read_text() for files in sources for file in files]
    return {next(filter(None, match.groups())) for text in texts for match in READ.finditer(text)}


def exit_codes() -> dict[str, str]:
    """Each exit code of the command. Raises MissingText for one of an error that no row explains."""
    rows = _documented("exit codes", "gates.md")
    if missing := {str(error.exit_code) for error in _tree(errors.ImgclsError)} - rows.keys():
        raise MissingText(f"exit code {', '.join(missing)}: no row below <!-- exit codes --> in docs/gates.md")
    return rows


def _documented(title: str, page: str) -> dict[str, str]:
    """The two columns of the table below a comment with this title."""
    content = (ROOT / "docs" / page).read_text()
    [block] = re.findall(rf"^<!-- {title} -->\n+((?:\|.*\n)+)", content, re.MULTILINE)
    lines = (line.strip("| \n").split(" | ", 1) for line in block.splitlines()[2:])
    rows = {name: rebased(meaning, page) for names, meaning in lines for name in re.findall(r"[\w]+", names)}
    return {name: required(meaning, f"{page}: {name}") for name, meaning in rows.items()}


def all_errors() -> Iterator[tuple[str, str, str, str]]:
    for error in _tree(errors.ImgclsError):
        [base] = error.__bases__
        parent = "" if error is errors.ImgclsError else code(base.__name__)
        meaning = required(error.__doc__, f"the error {error.__name__}")
        yield code(error.__name__), parent, str(error.exit_code), meaning


def _tree(error: type[errors.ImgclsError]) -> Iterator[type[errors.ImgclsError]]:
    """The error and those below it that ``imgcls.errors`` has."""
    yield error
    for below in error.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)
