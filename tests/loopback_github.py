"""As much of GitHub's and GitLab's API as our workflows use, on loopback, and a runner for the steps of a workflow."""

import io
import json
import os
import shlex
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml  # type: ignore[import-untyped]  # a dependency of huggingface-hub

import in_process

TOKEN, REPOSITORY, NUMBER = "a-token", "team/models", 7
PER_PAGE = 2
"""Fewer comments on a page than GitHub has, so that there are several pages."""


@dataclass
class Api:
    """What the server knows. ``refused``: requests that GitHub would not answer, which a test wants to be none."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    artefacts: list[dict[str, Any]] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def say(self, login: str, body: str) -> None:
        """Post a comment as somebody."""
        number = 1 + max((comment["id"] for comment in self.comments), default=100)
        self.comments.append({"id": number, "user": {"login": login}, "body": body})

    def keep(self, name: str, files: Mapping[str, bytes], **values: Any) -> None:
        """Keep an artefact of a run of main; keywords are other values of it, and of its run."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as stream:
            for file, data in files.items():
                stream.writestr(file, data)
        number = len(self.archives) + 1
        self.archives[number] = archive.getvalue()
        run = {"head_branch": "main", "repository_id": 1, "head_repository_id": values.pop("head_repository_id", 1)}
        url = f"{self.url}/repos/{REPOSITORY}/actions/artifacts/{number}/zip"
        usual = {"name": name, "expired": False, "created_at": f"2026-01-{number:02}T00:00:00Z"}
        self.artefacts.append({**usual, "workflow_run": run, "archive_download_url": url, **values})


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, api: Api, *arguments: Any) -> None:
        self.api = api
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as http.server calls them

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.api.calls.append(f"{self.command} {url.path}")
        authorized = self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.headers.get("JOB-TOKEN") == TOKEN
        if url.path.startswith("/blob/"):
            return self._send(400, b"") if authorized else self._send(200, self.api.archives[int(url.path[6:])])
        if not authorized:
            return self._send(401, b"{}")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return self._of_comments(url.path, query) if "/issues/" in url.path else self._of_artefacts(url.path, query)

    def _of_artefacts(self, path: str, query: Mapping[str, str]) -> None:
        if path.endswith("/zip"):
            number = path.split("/")[-2]
            self.send_response(302)
            self.send_header("Location", f"{self.api.url.replace('127.0.0.1', 'localhost')}/blob/{number}")
            self.end_headers()
        elif path.endswith("/raw/main.json"):
            archive = self.api.archives.get(len(self.api.archives))
            data = zipfile.ZipFile(io.BytesIO(archive)).read("main.json") if archive else b""
            self._send(200 if archive else 404, data)
        else:
            named = [artefact for artefact in self.api.artefacts if artefact["name"] == query["name"]]
            self._send(200, json.dumps({"artifacts": named}).encode())

    def _of_comments(self, path: str, query: Mapping[str, str]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length))["body"] if length else ""
        if len(body) > 65_536:
            return self._send(422, b"{}")
        if self.command == "GET":
            first = PER_PAGE * (int(query["page"]) - 1)
            return self._send(200, json.dumps(self.api.comments[first : first + PER_PAGE]).encode())
        if self.command == "POST":
            assert path.endswith(f"/{NUMBER}/comments")
            self.api.say("github-actions[bot]", body)
            return self._send(201, b"{}")
        [comment] = [comment for comment in self.api.comments if str(comment["id"]) == path.rpartition("/")[2]]
        if self.command == "PATCH":
            comment["body"] = body
            return self._send(200, b"{}")
        self.api.comments.remove(comment)
        return self._send(204, b"")

    def _send(self, status: int, data: bytes) -> None:
        if status >= 400:
            self.api.refused.append(f"{status} {self.command} {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serve() -> Iterator[Api]:
    """A server on loopback."""
    api = Api()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, api)) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield api
        finally:
            server.shutdown()


@dataclass
class Workflow:
    """One run of a workflow in a folder. ``summary``: what its steps wrote of it; ``tested``: its run of pytest."""

    file: Path
    folder: Path
    api: Api
    event: str
    base: str = ""
    failed: bool = False
    tested: pytest.RunResult | None = None
    log: str = ""
    kept: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    CONDITIONS: ClassVar[Mapping[str | None, Callable[["Workflow"], bool]]] = {
        None: lambda run: not run.failed,
        "${{ github.event_name == 'push' }}": lambda run: run.event == "push" and not run.failed,
        "${{ !cancelled() }}": lambda _: True,
        "${{ !cancelled() && github.event_name == 'pull_request' && !github.event.pull_request.head.repo.fork }}": (
            lambda run: run.event == "pull_request"
        ),
    }

    def run(self) -> "Workflow":
        """Every step whose condition holds, as in a fresh checkout."""
        for name in ("main.json", "run.json", "comment.md", "junit.xml", "report.html", "summary.md", "output"):
            (self.folder / name).unlink(missing_ok=True)
        [job] = yaml.safe_load(self.file.read_text(encoding="utf-8"))["jobs"].values()
        for step in job["steps"]:
            if self.CONDITIONS[step.get("if")](self):
                self._step(step)
        return self

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    def _step(self, step: Mapping[str, Any]) -> None:
        if "run" in step and step.get("name") != "Install":
            variables = {**self._variables(), **{n: self._filled(v) for n, v in step.get("env", {}).items()}}
            code = self._shells()[step.get("shell", "bash")](self._filled(step["run"]), variables)
            self.failed |= code != 0
            self._read_outputs(step.get("id"))
        elif step.get("uses", "").startswith("actions/upload-artifact@"):
            files = {name: (self.folder / name).read_bytes() for name in self._written(step["with"]["path"])}
            self.kept += files
            self.api.keep(step["with"]["name"], files)

    def _written(self, paths: str) -> list[str]:
        """Those that are there: of several, the action only warns of others."""
        return [name for name in paths.split() if (self.folder / name).exists()]

    def _shells(self) -> Mapping[str, Callable[[str, dict[str, str]], int]]:
        return {"python": self._python, "bash": self._pytest}

    def _python(self, script: str, variables: dict[str, str]) -> int:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.log += done.stdout + done.stderr
        return done.returncode

    def _pytest(self, script: str, variables: dict[str, str]) -> int:
        command, *arguments = shlex.split(script)
        assert command == "pytest"
        self.tested = in_process.run_pytest(*arguments, **variables)
        return int(self.tested.ret)

    def _variables(self) -> dict[str, str]:
        files = {"GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output"}
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.api.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_WORKSPACE": str(self.folder),
            **{name: str(self.folder / file) for name, file in files.items()},
        }

    def _filled(self, text: str) -> str:
        """A text with its expressions evaluated; one that is not here is an error."""
        values = {
            "github.base_ref": self.base,
            "github.token": TOKEN,
            "github.event.number": str(NUMBER),
            **{f"steps.{name}": value for name, value in self.outputs.items()},
        }
        before, opening, rest = text.partition("${{")
        if not opening:
            return before
        expression, _, after = rest.partition("}}")
        return before + values[expression.strip()] + self._filled(after)

    def _read_outputs(self, step: str | None) -> None:
        if step:
            for line in (self.folder / "output").read_text().splitlines():
                name, _, value = line.partition("=")
                self.outputs[f"{step}.outputs.{name}"] = value
