"""imgcls.cli.doctor: findings as lines and as a document, exit codes, and an environment that is broken for real."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from imgcls.cli.main import main
from imgcls.doctor import examination
from imgcls.doctor.findings import Finding

FINE = Finding("ok", "torch 2.14.1", check="versions")
WARNING = Finding("warning", "OMP_NUM_THREADS=16, and this process has 2 CPUs", "export OMP_NUM_THREADS=2", "threads")
BROKEN = Finding("broken", "import torch fails: ImportError", "pip install --force-reinstall torch", "imports")


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command on a machine with these findings."""

    def run(findings: Sequence[Finding], *arguments: str) -> int:
        monkeypatch.setattr(examination, "examine", lambda: list(findings))
        return main(["doctor", *arguments])

    return run


def test_what_is_broken_is_exit_code_3(doctor: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """It is the first line, with the command that mends it below."""
    assert doctor([FINE, WARNING, BROKEN]) == 3
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["broken", "imports", *BROKEN.text.split()]
    assert second.split(maxsplit=1) == ["->", BROKEN.remedy]
    assert last == "imgcls doctor: 1 broken, 1 warning"


@pytest.mark.parametrize("findings", [[FINE], [FINE, WARNING]])
def test_warnings_are_exit_code_0(doctor: Callable[..., int], findings: list[Finding]) -> None:
    """A run may go well all the same."""
    assert doctor(findings) == 0


@pytest.mark.parametrize("option", [["--json"], ["--json", "-"]])
def test_the_document_is_all_that_is_printed(
    doctor: Callable[..., int], capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    """So that it can be piped into a bug report; the exit code is the same."""
    assert doctor([FINE, BROKEN], *option) == 3
    printed = capsys.readouterr()
    assert [one["text"] for one in json.loads(printed.out)["findings"]] == [FINE.text, BROKEN.text]
    assert printed.err == ""


def test_the_document_in_a_file(doctor: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The lines are printed as without it."""
    assert doctor([FINE], "--json", str(tmp_path / "doctor.json")) == 0
    assert json.loads((tmp_path / "doctor.json").read_text())["findings"][0]["check"] == "versions"
    assert capsys.readouterr().out.splitlines()[-1] == "imgcls doctor: nothing is broken"


def _process(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as users start it, in a folder whose modules are found first, with no server to wait for."""
    return subprocess.run(
        [sys.executable, "-m", "imgcls", "doctor", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1", "COLUMNS": "80", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "error"),
    [
        (
            "raise ImportError('libcudart.so.13: cannot open shared object file')",
            "ImportError: libcudart.so.13: cannot",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "the process died of SIGSEGV"),
    ],
)
def test_a_torch_that_cannot_be_imported(tmp_path: Path, source: str, error: str) -> None:
    """The command names it and the way out, all other checks are there, and there is no traceback."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(source)
    result = _process(tmp_path)
    assert (result.returncode, result.stderr) == (3, "")
    lines = result.stdout.splitlines()
    assert f"import torch fails: {error}" in lines[0]
    assert "-> pip install --force-reinstall torch torchvision" in result.stdout
    assert {"versions", "memray", "caches", "clock"} <= {line[9:].split()[0] for line in lines if line[9:].strip()}
    assert "failed itself" not in result.stdout


@pytest.mark.slow
def test_torchvision_without_its_operators(tmp_path: Path) -> None:
    """The error that users search for, as a build that does not match raises it."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "import torch\ntorch.library.register_fake('torchvision::nms')(lambda *_: None)\n"
    )
    result = _process(tmp_path, "--json")
    findings = {(one["check"], one["level"]): one for one in json.loads(result.stdout)["findings"]}
    assert result.returncode == 3
    assert "torchvision::nms does not exist" in findings["imports", "broken"]["text"]
    assert "--force-reinstall torch torchvision" in findings["imports", "broken"]["remedy"]


@pytest.mark.slow
def test_a_report_has_no_secrets(tmp_path: Path) -> None:
    """Neither the password of a proxy, nor a token, nor the name of the home folder."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import os\nraise ImportError(os.environ['HF_TOKEN'])")
    secrets = {"HTTPS_PROXY": "http://ada:pa55word@proxy:3128", "HF_TOKEN": "hf_abcdefghijklmnop"}
    result = _process(tmp_path, "--json", HOME=str(tmp_path), **secrets)
    assert "http://***@proxy:3128" in result.stdout
    for secret in ("pa55word", "hf_abcdefghijklmnop", str(tmp_path), "ada"):
        assert secret not in result.stdout
