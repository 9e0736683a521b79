"""A pull request from end to end, on loopback: the workflows of examples/ci, step by step, and what CI is shown."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
import yaml  # type: ignore[import-untyped]  # a dependency of huggingface-hub
from markdown_it import MarkdownIt
from PIL import Image
from safetensors.torch import save_file

import loopback_github
from builders import make_latency, make_memory, make_parity, make_scores
from ci_runs import HOSTILE_NAMES, make_comparison
from conftest import CONFIGURATION, Project
from imgcls.records.parity import ContractCheck, ExportCost, ServingCheck
from imgcls.reporting.ci import junit
from imgcls.session.option_table import OPTIONS
from loopback_github import TOKEN, Api, Workflow

Command = Callable[..., pytest.RunResult]

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"

WEIGHTS = CONFIGURATION.replace('nets:colour"\n', 'nets:colour"\nweights = "net.safetensors"\n')

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

PAGE = (EXAMPLES.parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")

HOSTILE = "@octocat `x`|y ::error::z --> <b>.png"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback_github.serve() as api:
        api.say("a-person", "<!-- imgcls --> is how it begins")
        api.say("github-actions[bot]", "of another workflow")
        api.say("a-person", "looks good")
        yield api
        assert api.refused == []


@pytest.fixture
def repository(project: Project) -> Project:
    """The project with weights in a file, and an image whose name would do many things."""
    project.configure(WEIGHTS)
    (project.folder / "colours" / "red" / "0001.png").rename(project.folder / "colours" / "red" / HOSTILE)
    _train(project, 1.0)
    return project


def _train(project: Project, gain: float) -> None:
    """New weights: with a negative gain, the network takes every colour for another one."""
    save_file({"gain": torch.tensor(gain)}, project.folder / "net.safetensors")


def _workflow(project: Project, api: Api, event: str = "pull_request", base: str = "main") -> Workflow:
    return Workflow(EXAMPLES / "github.yml", project.folder, api, event, base).run()


def _ours(api: Api) -> list[str]:
    bodies = [each["body"] for each in api.comments if each["user"]["login"] == "github-actions[bot]"]
    return [body for body in bodies if body.startswith("<!-- imgcls -->")]


def _properties(file: Path) -> dict[str, str]:
    """Those of the one test in JUnit XML."""
    [case] = ET.parse(file).getroot().iter("testcase")  # noqa: S314 - pytest wrote it
    return {each.get("name", ""): each.get("value", "") for each in case.iter("property")}


@pytest.mark.slow
def test_a_pull_request_from_end_to_end(repository: Project, api: Api) -> None:
    """Main leaves a baseline; changed weights are a red check with a comment; when nothing moved it is gone again."""
    main = _workflow(repository, api, "push", base="")
    assert (main.failed, main.kept) == (False, ["main.json", "report.html", "run.json", "junit.xml"])
    api.keep("imgcls-baseline", {"main.json": b"of a fork"}, head_repository_id=2)
    api.keep("imgcls-baseline", {"main.json": b"too old"}, expired=True)

    _train(repository, -1.0)
    opened = _workflow(repository, api)
    assert opened.failed
    assert opened.tested
    assert opened.kept == ["report.html", "run.json", "junit.xml"]
    line = 1 + (repository.folder / "imgcls.toml").read_text().splitlines().index(
        "colours = { top1 = 1.0, min_images = 12 }"
    )
    [annotation] = [text for text in opened.tested.outlines if text.startswith("::")]
    assert annotation.startswith(f"::error file=imgcls.toml,line={line},title=colour on colours%2C top1 >= 1::")
    summary = opened.summary.split("\n")
    assert summary[1] == "## imgcls: 1 of 4 verdicts fails, 12 images flipped"
    assert summary[5].startswith("| FAIL | colour on colours | top1 >= 1 | ")
    [posted] = _ours(api)
    assert "- **FAIL** (pass in the baseline) colour on colours, top1 >= 1: " in posted
    assert "12 images flipped, 12 right to wrong:" in posted
    assert "| green/0002.png | green | 1 green (" in posted
    assert re.search(
        r"^\| red/@&#8203;octocat \\`x\\`\\\|y ::error::z --> \\<b>\.png \| red \| 0 red \(", posted, re.MULTILINE
    )
    assert "/0000.png" in posted
    properties = _properties(repository.folder / "junit.xml")
    assert properties["imgcls.flips"] == properties["imgcls.flips_right_to_wrong"] == "12"
    assert (properties["imgcls.top1"], properties["imgcls.verdict.top1"]) == ("0", "fail")

    _train(repository, -2.0)
    assert _workflow(repository, api).failed
    [updated] = _ours(api)
    assert updated != posted
    assert len(api.comments) == 4

    _train(repository, 1.0)
    silent = _workflow(repository, api)
    assert not silent.failed
    assert silent.tested
    assert (repository.folder / "comment.md").read_bytes() == b""
    assert _ours(api) == []
    assert [comment["body"] for comment in api.comments] == [
        "<!-- imgcls --> is how it begins",
        "of another workflow",
        "looks good",
    ]
    assert silent.summary.startswith("\n## imgcls: none of 4 verdicts fails, 0 images flipped\n")
    assert not any(text.startswith("::") for text in silent.tested.outlines)
    kinds = [call.split()[0] for call in api.calls if "/issues/" in call]
    assert [kind for kind in kinds if kind != "GET"] == ["POST", "PATCH", "DELETE"]


@pytest.mark.slow
def test_without_a_baseline_the_gates_are_what_is_shown(repository: Project, api: Api) -> None:
    """The log warns that nothing is compared, and a green pull request has no comment."""
    first = _workflow(repository, api, base="release")
    assert not first.failed
    assert "::warning::no run of release has left a baseline: nothing is compared" in first.log
    assert _ours(api) == []
    assert first.summary.startswith("\n## imgcls: none of 3 verdicts fails\n")


def test_a_run_that_wrote_no_comment_leaves_it(repository: Project, api: Api) -> None:
    """As where the configuration is wrong: what was posted is still what is known."""
    api.say("github-actions[bot]", "<!-- imgcls -->\nposted")
    repository.configure("[nonsense]\n")
    broken = _workflow(repository, api, base="release")
    assert broken.failed
    assert "pytest ended before it wrote comment.md" in broken.log
    assert _ours(api) == ["<!-- imgcls -->\nposted"]


@pytest.mark.slow
def test_the_workflow_of_gitlab_compares_with_the_default_branch(
    repository: Project, api: Api, run_pytest: Command, tmp_path: Path
) -> None:
    """Its script, with the words that pytest is then called with; JUnit and code quality are where GitLab looks."""
    [job] = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text(encoding="utf-8")).values()
    (tmp_path / "bin").mkdir()
    (fake := tmp_path / "bin" / "pytest").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > words\n')
    fake.chmod(0o755)

    def words(branch: str) -> list[str]:
        variables = {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "CI_API_V4_URL": api.url,
            "CI_PROJECT_ID": "1",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_BRANCH": branch,
            "CI_JOB_TOKEN": TOKEN,
        }
        subprocess.run(["bash", "-ec", "\n".join(job["script"])], env=variables, cwd=tmp_path, check=True)
        return (tmp_path / "words").read_text().splitlines()

    on_main = words("main")
    assert on_main[2] == "--imgcls-save=main.json"
    assert run_pytest(*on_main).ret == 0
    api.keep("models", {"main.json": (tmp_path / "main.json").read_bytes()})
    (tmp_path / "main.json").unlink()
    of_request = words("")
    assert of_request[2] == "--imgcls-baseline=main.json"
    _train(repository, -1.0)
    assert run_pytest(*of_request, CI_PROJECT_DIR=str(tmp_path)).ret == 1
    reports = job["artifacts"]["reports"]
    assert _properties(tmp_path / reports["junit"])["imgcls.flips"] == "12"
    [issue] = json.loads((tmp_path / reports["codequality"]).read_text())
    assert (issue["check_name"], issue["location"]["path"]) == ("imgcls.accuracy.top1", "imgcls.toml")
    assert all((tmp_path / file).exists() for file in job["artifacts"]["paths"])


def test_gitlab_without_a_baseline_says_so(api: Api, tmp_path: Path) -> None:
    """The first request of a project is tested without one."""
    [job] = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text(encoding="utf-8")).values()
    variables = {"PATH": "/usr/bin:/bin", "CI_API_V4_URL": api.url, "CI_PROJECT_ID": "1", "CI_DEFAULT_BRANCH": "main"}
    script = job["script"][0] + '\necho "option: <$option>"'
    done = subprocess.run(
        ["bash", "-ec", script],
        env={**variables, "CI_COMMIT_BRANCH": "", "CI_JOB_TOKEN": TOKEN},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "no run of main has left a baseline: nothing is compared\noption: <>\n"
    api.refused.clear()


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_options_of_the_workflows_exist(name: str) -> None:
    """Under the names that pytest has them by."""
    options = re.findall(r"--imgcls-([a-z-]+)", (EXAMPLES / name).read_text(encoding="utf-8"))
    assert {"json", "report", "save", "baseline"} <= set(options)
    assert set(options) <= set(OPTIONS)


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_page_has_the_workflows(name: str) -> None:
    """Word for word, so that what is read there is what these tests run."""
    assert f"```yaml\n{(EXAMPLES / name).read_text(encoding='utf-8')}```\n" in PAGE


def test_the_page_has_every_property_of_junit() -> None:
    """By its name, and no other."""
    [section] = PAGE.split("\n## JUnit\n")[1:]
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`([\w.]+)`", row)
    }
    parity = make_parity(cost=ExportCost(1, 1, 1, 1))
    peak = replace(make_memory().inference, cuda_allocated_bytes=1)
    figures = [
        junit.of_scores(make_scores()),
        junit.of_comparison(make_comparison(["a.jpg"])),
        junit.of_latency(make_latency()),
        junit.of_memory(replace(make_memory(), inference=peak)),
        junit.of_parity(parity),
        junit.of_serving(ServingCheck("net", "x", "pass", "x")),
        junit.of_contract(ContractCheck("net", "x", "pass", "x")),
    ]
    written = {name for each in figures for name in each if not name.startswith("verdict.")}
    assert named - {"verdict.METRIC", "threshold.METRIC"} == written


@pytest.mark.slow
def test_whatever_images_are_called_documents_parse(project: Project, run_pytest: Command) -> None:
    """Names of files, folders and classes: JUnit XML, JSON, Markdown and annotations are read back, and are inert."""
    names = [name for name in HOSTILE_NAMES if _is_file_name(name)]
    folder = project.folder / "colours" / "red"
    for number, name in enumerate(names):
        image = Image.new("RGB", (16, 16), (255, number, 0))
        image.save(file := folder / "plain.png")
        file.rename(folder / f"{name}.png")
    (folder / f"broken{HOSTILE_NAMES[0]}.png").write_bytes(b"no image")
    project.configure(CONFIGURATION.replace("top1 = 1.0,", "top1 = 1.0, max_rejected = 0.0,"))
    run_pytest("--imgcls-save", "main.json")
    project.configure(CONFIGURATION.replace("\n[gates", "options = { gain = -1.0 }\n\n[gates"))
    files = ("--junitxml=junit.xml", "--imgcls-comment=comment.md", "--imgcls-code-quality=quality.json")
    result = run_pytest("--imgcls-baseline=main.json", *files, **GITHUB)
    assert result.ret == 1
    assert _properties(project.folder / "junit.xml")["imgcls.flips"] == str(12 + len(names))
    assert len(json.loads((project.folder / "quality.json").read_text())) == 2
    assert len(_annotations(result)) == 2
    for name in ("comment.md", "summary.md"):
        text = (project.folder / name).read_text(encoding="utf-8")
        assert not re.search(r"@[A-Za-z0-9]|://|\bwww\.|(?<!&)#\d", text)
        kinds = {child.type for token in MARKDOWN.parse(text) for child in token.children or ()}
        assert kinds <= {"text", "text_special", "strong_open", "strong_close"}


def _is_file_name(name: str) -> bool:
    with suppress(UnicodeEncodeError):
        return len(os.fsencode(name)) < 250 and not {"/", "\0"} & set(name)
    return False


# Every door.


GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}


def _annotations(result: pytest.RunResult) -> list[str]:
    return [line for line in (*result.outlines, *result.errlines) if line.startswith("::")]


@pytest.mark.slow
def test_score_shows_the_same_as_pytest(repository: Project, run_pytest: Command, imgcls: Command) -> None:
    """Summary, comment, code quality and annotations of a gate that fails."""
    assert imgcls("score", "--save", "main.json").ret == 0
    _train(repository, -1.0)
    shown = []
    for door, prefix in ((run_pytest, "--imgcls-"), (lambda *words, **env: imgcls("score", *words, **env), "--")):
        files = [f"{prefix}comment=comment.md", f"{prefix}code-quality=quality.json"]
        result = door(f"{prefix}baseline=main.json", f"{prefix}json=run.json", *files, **GITHUB)
        assert result.ret == 1
        summary = (repository.folder / "summary.md").read_text()
        failed = [line for line in summary.splitlines() if line.startswith("| FAIL")]
        texts = [(repository.folder / name).read_text() for name in ("comment.md", "quality.json")]
        shown.append((_annotations(result), failed, texts))
        (repository.folder / "summary.md").unlink()
    of_pytest, of_score = shown
    assert of_pytest == of_score
    assert [len(lines) for lines in of_pytest[:2]] == [1, 1]


def test_a_summary_that_cannot_be_written_fails_nothing(project: Project, run_pytest: Command, imgcls: Command) -> None:
    """At either door it is one line."""
    (project.folder / "summary.md").mkdir()
    result, scored = run_pytest(**GITHUB), imgcls("score", **GITHUB)
    assert (result.ret, scored.ret) == (0, 0)
    result.stdout.fnmatch_lines(["imgcls: the step summary could not be written: *summary.md*"])
    scored.stderr.fnmatch_lines(["imgcls: the step summary could not be written: *summary.md*"])


@pytest.mark.usefixtures("repository")
def test_another_plugin_annotates_failed_tests_already(
    repository: Project, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pytest-github-actions-annotate-failures, only a gate that no test states has an annotation of ours."""
    (repository.folder / "conftest.py").write_text(
        "def pytest_configure(config):\n    config.pluginmanager.register(object(), 'annotate_errors')\n"
    )
    repository.configure(WEIGHTS + "[latency.colour]\np95_ms = 40\n")
    _train(repository, -1.0)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repository.folder))
    [line] = _annotations(run_pytest("--imgcls-require-gates=all", **GITHUB))
    number = (repository.folder / "imgcls.toml").read_text().splitlines().index("[latency.colour]") + 1
    assert line.startswith(
        f"::error file=imgcls.toml,line={number},title=latency of colour%2C evaluated::not evaluated: "
    )


@pytest.mark.slow
def test_workers_of_xdist_write_nothing(repository: Project, pytest_process: Command) -> None:
    """One summary, one annotation of the gate, and every figure in JUnit XML."""
    _train(repository, -1.0)
    result = pytest_process("-n", "1", "--junitxml=junit.xml", "--imgcls-comment=comment.md", **GITHUB)
    assert result.ret == 1
    assert (repository.folder / "summary.md").read_text().count("## imgcls") == 1
    assert len(_annotations(result)) == 1
    assert (repository.folder / "comment.md").read_text().count("**FAIL**") == 1
    properties = _properties(repository.folder / "junit.xml")
    assert (properties["imgcls.top1"], properties["imgcls.scored"]) == ("0", "12")
    assert "imgcls" not in properties


def test_outside_of_ci_nothing_is_written(repository: Project, run_pytest: Command) -> None:
    """No file, no annotation."""
    _train(repository, -1.0)
    before = {path.name for path in repository.folder.iterdir()}
    result = run_pytest()
    assert result.ret == 1
    assert _annotations(result) == []
    assert {path.name for path in repository.folder.iterdir()} - before <= {".imgcls", ".benchmarks", "forwards.log"}


def test_two_saved_runs_have_a_comment(repository: Project, imgcls: Command) -> None:
    """Empty where they are the same; else with flips, and with gates that do not hold any more."""
    assert imgcls("score", "--save", "main.json").ret == 0
    assert imgcls("compare", "main.json", "main.json", "--comment", "comment.md").ret == 0
    assert (repository.folder / "comment.md").read_text() == ""
    _train(repository, -1.0)
    imgcls("score", "--json", "run.json")
    compared = imgcls("compare", "main.json", "run.json", "--comment", "comment.md", **GITHUB)
    assert compared.ret == 0
    assert len(_annotations(compared)) == 1
    assert "12 images flipped" in (repository.folder / "summary.md").read_text()
    text = (repository.folder / "comment.md").read_text()
    assert "- **FAIL** (pass in the baseline) colour on colours, top1 >= 1: " in text
    assert "12 images flipped, 12 right to wrong:" in text


def test_joined_runs_have_a_comment(repository: Project, imgcls: Command) -> None:
    """As the whole run has."""
    imgcls("score", "--save", "main.json")
    _train(repository, -1.0)
    imgcls("score", "--json", "run.json")
    files = ("--comment", "comment.md", "--code-quality", "quality.json")
    assert imgcls("merge", "run.json", "--baseline", "main.json", *files).ret == 1
    assert "12 images flipped" in (repository.folder / "comment.md").read_text()
    assert len(json.loads((repository.folder / "quality.json").read_text())) == 1


def test_each_configuration_has_its_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_pytest: Command
) -> None:
    """In its own folder, and the summary names which is which."""
    monkeypatch.setenv("FORWARDS", str(tmp_path / "forwards.log"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name)
        (project.folder / "test_models.py").rename(project.folder / f"test_{name}.py")
    (tmp_path / "two" / "names.txt").write_text("green\nred\nblue\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --imgcls-device=cpu\n")
    monkeypatch.chdir(tmp_path)
    result = run_pytest("one", "two", "--imgcls-comment=comment.md", **GITHUB)
    assert result.ret == 1
    assert (tmp_path / "one" / "comment.md").read_text() == ""
    assert "### imgcls, two/imgcls.toml: 1 of 3 verdicts fails" in (tmp_path / "two" / "comment.md").read_text()
    headings = re.findall(r"^## (.*)$", (tmp_path / "summary.md").read_text(), re.MULTILINE)
    assert [heading.partition(":")[0] for heading in headings] == ["imgcls, one/imgcls.toml", "imgcls, two/imgcls.toml"]
    [annotation] = _annotations(result)
    assert annotation.startswith("::error file=imgcls.toml,")


def test_a_name_in_the_log_is_no_command(project: Project, imgcls: Command) -> None:
    """A folder that is predicted may be called like one."""
    (project.folder / "colours" / "red").rename(project.folder / "::error::owned ##[group]")
    plain = imgcls("predict", "::error::owned ##[group]", "--models", "colour")
    assert any(line.startswith("::error::owned ##[group]/0000.png") for line in plain.outlines)
    inert = imgcls("predict", "::error::owned ##[group]", "--models", "colour", **GITHUB)
    assert any(line.startswith(r"\x3a:error::owned #\x23[group]/0000.png") for line in inert.outlines)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in (*inert.outlines, *inert.errlines))


def test_a_document_does_not_go_to_standard_output(project: Project, run_pytest: Command, imgcls: Command) -> None:
    """A comment is read from a file."""
    assert project.folder.is_dir()
    assert imgcls("score", "--comment", "-").ret == 2
    assert run_pytest("--imgcls-code-quality=-").ret == pytest.ExitCode.USAGE_ERROR
