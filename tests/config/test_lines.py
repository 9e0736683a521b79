"""imgcls.config.lines: where a gate, a limit or a model stands in the files of a configuration."""

from pathlib import Path

import pytest

from imgcls.config import lines

TEXT = """# a comment
[datasets.photos]
path = "photos"
golden = true
[models.net]
arch = "timm:test_resnet"
[gates."*"]
photos = { top1 = 0.5 }
[gates.net] # of one model
other = { top1 = 0.5 }
"photos" = { top1 = 0.6 }
[latency.net]
p50_ms = 4
p95_ms = 40
[models.vit]
arch = "timm:test_vit"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "imgcls.toml").write_text(TEXT)
    return tmp_path / "imgcls.toml"


@pytest.mark.parametrize(
    ("kind", "model", "key", "number"),
    [
        ("gates", "net", "photos", 11),
        ("gates", "net", "absent", 9),
        ("gates", "vit", "photos", 8),
        ("latency", "net", "p95_ms", 14),
        ("memory", "net", "host", 5),
        ("latency", "vit", "p95_ms", 15),
    ],
)
def test_the_nearest_line_is_named(file: Path, kind: str, model: str, key: str, number: int) -> None:
    """The key, or else its table, that of all models, or that of the model."""
    assert lines.of_gate([file], kind, model, key) == (file, number)


def test_what_stands_nowhere_has_no_line(file: Path) -> None:
    """As a model that no file has."""
    assert lines.of_gate([file], "memory", "absent") is None


def test_tables_of_pyproject_have_a_longer_name(tmp_path: Path) -> None:
    """And keys may be dotted."""
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\nname = "x"\n[tool.imgcls.gates.net]\nphotos.top1 = 0.5\n')
    assert lines.of_gate([file], "gates", "net", "photos") == (file, 4)


def test_the_first_file_that_has_the_table_is_named(file: Path, tmp_path: Path) -> None:
    """A gate of a later file goes before the model's table of an earlier one."""
    (more := tmp_path / "more.toml").write_text("\n[memory.net]\nhost = '1 GB'\n")
    assert lines.of_gate([file, more], "memory", "net", "host") == (more, 3)
