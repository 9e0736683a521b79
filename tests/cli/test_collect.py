"""imgcls.cli.collect: what a person reads who gathers images, and what a script gets as exit code."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import collect_site
import engine_pages
from collect_site import Site, body, endless, in_turn, photo, status, write_list
from imgcls.collect import network


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site with four images; the working folder is empty, and icrawler does not sleep for whole seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("icrawler.crawler.time", SimpleNamespace(sleep=lambda _: time.sleep(0.01)))
    with collect_site.running(Site()) as made:
        made.paths |= {f"/{n}.jpg": body(photo(n)) for n in range(4)}
        yield made


def _list(site: Site, *paths: str) -> Path:
    return write_list(Path("urls.txt"), *(f"{site.url}/{path}" for path in paths))


def test_enough(site: Site, imgcls: Any) -> None:
    """How many images, where they are from, and what to do next; nothing else, and exit code 0."""
    _list(site, "0.jpg", "1.jpg", "2.jpg")
    result = imgcls("collect", "--urls", "urls.txt", "--out", "my photos/sorrel", "--count", "2", "--per-second", "50")
    assert result.ret == 0
    assert result.outlines == [
        "2 images collected in my photos/sorrel, 2 of them now",
        "manifest: my photos/sorrel/collected.csv",
        "next: imgcls data check 'my photos', then imgcls init --data 'my photos'",
    ]


def test_too_few(site: Site, imgcls: Any) -> None:
    """What was refused, by reason; how many are missing, and what helps; exit code 1."""
    site.paths |= {
        "/busy.jpg": status(429, Retry_After="999"),
        "/same.jpg": body(photo(0)),
        "/page.jpg": body(b"<html>"),
    }
    _list(site, "0.jpg", "same.jpg", "absent.jpg", "gone.jpg", "page.jpg")
    arguments = ("collect", "--urls", "urls.txt", "--out", "sorrel", "--per-second", "50", "-q")
    result = imgcls(*arguments)
    assert (result.ret, result.errlines) == (1, [])
    assert result.outlines[0] == "1 image collected in sorrel, 1 of them now"
    rows = [re.split(r" {2,}", line.strip()) for line in result.outlines[4:7]]
    assert rows[0] == ["http_error", "2", "HTTP 404 Not Found"]
    assert sorted(row[0] for row in rows[1:]) == ["duplicate", "not_an_image"]
    assert result.outlines[7:] == [
        "4 of 5 URLs gave no image that is kept",
        "manifest: sorrel/collected.csv",
        "next: imgcls data check ., then imgcls init --data .",
    ]
    assert max(map(len, result.outlines)) <= 80
    _list(site, "0.jpg", "1.jpg", "busy.jpg")
    result = imgcls(*arguments, "--count", "9")
    assert result.outlines[-4:-1] == [
        "7 of 9 images are missing: the list has no more",
        "run the same command again to try those again that were refused for busy",
        "manifest: sorrel/collected.csv",
    ]


def test_a_search_without_results(site: Site, imgcls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that an engine does not give is a sentence, and so is what to do instead."""
    engine_pages.serve_at(site, monkeypatch)
    result = imgcls("collect", "sorrel horse", "--out", "sorrel", "--count", "3", "--per-second", "50", "-q")
    assert (result.ret, result.errlines) == (1, [])
    assert result.outlines == [
        "0 images collected in sorrel, 0 of them now",
        "3 of 3 images are missing: the search gave no more",
        "www.bing.com: HTTP 404 Not Found",
        "try other words, another --engine, or a list with --urls FILE; what is there",
        "  stays",
    ]
    assert not Path("sorrel").exists()


def test_progress(site: Site, imgcls: Any) -> None:
    """In a log, a line per tenth; silent with -q."""
    _list(site, "0.jpg", "1.jpg")
    result = imgcls("collect", "--urls", "urls.txt", "--out", "photos/sorrel", "--per-second", "50")
    assert result.errlines == ["sorrel: 0 of 2 images", "sorrel: 1 of 2 images", "sorrel: 2 of 2 images"]
    assert imgcls("collect", "--urls", "urls.txt", "--out", "photos/cob", "--per-second", "50", "-q").errlines == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--out", "a"],
            'give either a query, as in imgcls collect "sorrel horse", or a list of URLs with --urls FILE',
        ),
        (["horse", "--urls", "urls.txt", "--out", "a"], "give either a query"),
        (["horse", "--out", "file"], "--out file: it is not a folder"),
        (["horse", "--out", "a", "--exclude", "trian"], "--exclude trian: there is no such folder"),
        (["horse", "--out", "a", "--engine", "flickr"], "--engine flickr needs a key"),
        (["horse", "--out", "a", "--contact", "me\nX: y"], "--contact me\\nX: y: write it in ASCII"),
        (["horse", "--out", "a", "--per-second", "0"], "'0' is not a number of requests per second above 0"),
        (["horse", "--out", "a", "--per-second", "nan"], "'nan' is not a number of requests per second above 0"),
    ],
)
def test_a_wrong_command_line(
    site: Site, imgcls: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """One line with what to write, exit code 2, no request and no folder."""
    monkeypatch.delenv("FLICKR_APIKEY", raising=False)
    Path("file").write_text("")
    try:
        result = imgcls("collect", *arguments)
        code, errors = result.ret, result.errlines
    except SystemExit as ended:
        code, errors = ended.code, []
    assert code == 2
    assert message in errors[-1]
    assert (site.received, Path("a").exists()) == ([], False)


def test_no_network(imgcls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, exit code 3; it is waited for less than three seconds."""
    assert network.SECONDS < 3
    monkeypatch.chdir(tmp_path)
    write_list(Path("urls.txt"), "http://127.0.0.1:9/a.jpg")
    result = imgcls("collect", "--urls", "urls.txt", "--out", "sorrel")
    assert (result.ret, list(Path("sorrel").parent.iterdir())) == (3, [Path("urls.txt")])
    [line] = result.errlines
    assert line == (
        "imgcls: cannot reach 127.0.0.1:9 within 2 s: no connection (Connection refused); check the network, or set "
        "HTTPS_PROXY to its proxy"
    )


WITHOUT_THE_EXTRA = """
import sys
from importlib import metadata

version = metadata.version

def without(name):
    if name == "icrawler":
        raise metadata.PackageNotFoundError(name)
    return version(name)

metadata.version = without
from imgcls.cli.main import main
code = main(["collect", "horse", "--out", "sorrel"])
print(code, {"icrawler", "requests", "bs4", "torch"} & sys.modules.keys())
"""


def test_without_the_extra(python: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line states what to install, nothing was imported, and there is no folder."""
    monkeypatch.chdir(tmp_path)
    result = python(WITHOUT_THE_EXTRA)
    assert result.outlines == ["3 set()"]
    assert result.errlines == [
        "imgcls: imgcls collect needs icrawler, which is not installed: pip install 'imgcls[collect]'"
    ]
    assert list(tmp_path.iterdir()) == []


INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from imgcls.cli.main import main; sys.exit(main())"
)
"""The command, also where these tests run in the background of a shell, which has its jobs ignore interruptions."""


def _rows(manifest: Path) -> int:
    return len(manifest.read_text().splitlines()) - 1 if manifest.exists() else 0


def _ended_early(site: Site, how: signal.Signals, attempt: int) -> tuple[int, str, str]:
    """Start a process, and send it a signal when it has two images in its manifest and waits for the third."""
    options = ["--urls", "urls.txt", "--out", "sorrel", "--per-second", "50"]
    command = [sys.executable, "-c", INTERRUPTIBLE, "collect", *options]
    manifest = Path("sorrel", "collected.csv")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(15_000):
            if site.requested("/slow.jpg") == attempt and _rows(manifest) == 2:
                break
            time.sleep(0.02)
        process.send_signal(how)
        out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_process_that_ends_early(site: Site, imgcls: Any) -> None:
    """Killed, then interrupted: what is complete stays, and the next run fetches only what was under way."""
    ended = threading.Event()
    slow = endless(ended)
    site.paths["/slow.jpg"] = in_turn(slow, slow, body(photo(9)))
    _list(site, "0.jpg", "1.jpg", "slow.jpg")
    _ended_early(site, signal.SIGKILL, attempt=1)
    code, out, err = _ended_early(site, signal.SIGINT, attempt=2)
    assert code == 130
    assert out.splitlines() == [
        "2 images collected in sorrel, 0 of them now",
        "interrupted: run the same command again to continue",
        "manifest: sorrel/collected.csv",
        "next: imgcls data check ., then imgcls init --data .",
    ]
    assert all(line.startswith("sorrel: ") for line in err.splitlines())
    ended.set()
    result = imgcls("collect", "--urls", "urls.txt", "--out", "sorrel", "--per-second", "50")
    assert (result.ret, result.outlines[0]) == (0, "3 images collected in sorrel, 1 of them now")
    assert [site.requested(f"/{name}.jpg") for name in ("0", "1", "slow")] == [1, 1, 3]


def test_the_agent(site: Site, imgcls: Any) -> None:
    """Sites read the name, the version, and how to reach a person."""
    _list(site, "0.jpg")
    imgcls("collect", "--urls", "urls.txt", "--out", "sorrel", "--contact", "me@example.org", "--per-second", "50")
    assert {request.agent for request in site.received} == {
        f"imgcls/{metadata.version('imgcls')} (contact: me@example.org)"
    }
