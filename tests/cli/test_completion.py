"""imgcls.cli.completion: ``imgcls --print-completion SHELL``."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Command
from imgcls.cli import completion, main


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With every command and its options, and exit code 0."""
    with pytest.raises(SystemExit, match="0"):
        main.main(["--print-completion", shell])
    text = capsys.readouterr().out
    assert "bench-compare" in text
    assert "json-summary" in text


COMPLETE = """
source completion.bash
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); COMP_LINE="{words}"; COMP_POINT=${{#COMP_LINE}}
_shtab_imgcls "" "${{COMP_WORDS[COMP_CWORD]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("imgcls bench-c", {"bench-compare"}),
        ("imgcls labels su", {"suggest"}),
        ("imgcls score --json-s", {"--json-summary"}),
        ("imgcls score --device c", {"cpu", "cuda"}),
        ("imgcls show run", {"run.json", "runs"}),
        ("imgcls score --config run", {"run.json", "runs"}),
        ("imgcls examples run", {"runs"}),
    ],
)
def test_bash_completes(words: str, completed: set[str], tmp_path: Path) -> None:
    """Commands, their commands, options, values, files, and folders where only those can be."""
    (tmp_path / "run.json").touch()
    (tmp_path / "runs").mkdir()
    (tmp_path / "completion.bash").write_text(completion.script(main.parser(), "bash"))
    process = subprocess.run(
        ["bash", "-c", COMPLETE.format(words=words)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {line.rstrip("/ ") for line in process.stdout.splitlines()} == completed


def test_without_shtab_it_is_one_line(imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which names the extra; nothing else needs it."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    result = imgcls("--print-completion", "bash")
    assert (result.ret, result.outlines) == (3, [])
    assert result.errlines == ["imgcls: --print-completion needs shtab: pip install 'imgcls[completion]'"]
