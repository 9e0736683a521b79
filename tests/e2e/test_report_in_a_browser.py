"""The report as people see it: in a real browser, on a phone, in print, without scripts, without styles."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import in_process
from browser import Browser, Page, started
from builders import make_latency, make_memory
from imgcls.reporting.html import document

pytestmark = pytest.mark.slow

JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
"""The policy under which Jenkins shows files of a build."""

HOSTILE = "\"'><img src=http://127.0.0.1:9/x onerror=hacked()><script>hacked()</script>{{7*7}}javascript:hacked()"


@dataclass(frozen=True)
class Written:
    """A report and what it was made of."""

    file: Path
    run: Any

    @property
    def address(self) -> str:
        return self.file.as_uri()

    def paths(self, model: str, label: str, best: str) -> set[str]:
        """The images of one cell of a model's confusion matrix."""
        of_model = (p for p in self.run["predictions"] if p["model"] == model and p["label"] == label)
        return {p["path"] for p in of_model if p["top"][0][1] == best}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The three built-in models on the built-in digits, and a run of an older version of one of them."""
    place = tmp_path_factory.mktemp("report")
    text = (pytestconfig.rootpath / "imgcls.toml").read_text().replace("golden = true", "")
    (place / "imgcls.toml").write_text(text)
    (place / "older.toml").write_text(text.replace("builtin:digits_resnet", "older.safetensors"))
    _write_older_weights(place / "older.safetensors")
    with chdir(place):
        in_process.run_command("score", "--config", "older.toml", "--save", "main.json", "--store", "store")
        in_process.run_command("score", "--json", "scored.json", "--store", "store")
        _add_costs(Path("scored.json"), Path("run.json"))
    return place


def _write_older_weights(file: Path) -> None:
    """Those of the smallest built-in network before its last epochs, as far as anybody can see."""
    import torch
    from safetensors.torch import load_file, save_file

    with resources.as_file(resources.files("imgcls") / "builtin" / "digits_resnet.safetensors") as weights:
        state = load_file(weights)
    noise = torch.Generator().manual_seed(0)
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.ndim > 1:
            state[name] = tensor + 0.12 * tensor.std() * torch.randn(tensor.shape, generator=noise)
    save_file(state, file)


def _add_costs(scored: Path, file: Path) -> None:
    """Latencies and memories, as if they had been measured, which takes a minute."""
    read = document.read(scored)
    names = dict.fromkeys(result.model for result in read.report.results)
    latencies = tuple(make_latency(model=name, p50_ns=9_000_000 * place) for place, name in enumerate(names, 1))
    memories = tuple(make_memory(name, inference=130_000_000 + 1_000_000 * place) for place, name in enumerate(names))
    with_costs = replace(read.report, latencies=latencies, memories=memories)
    run = document.of_run(with_costs, read.predictions)
    with run.open_json() as stream:
        file.write_bytes(stream.read())


def _write(run: Path, file: Path, *arguments: object) -> Written:
    with chdir(run.parent):
        result = in_process.run_command("report", run, *arguments, "-o", file)
    assert result.ret == 0, result.outlines
    return Written(file, json.loads(run.read_text()))


@pytest.fixture(scope="module")
def report(folder: Path) -> Written:
    """The report of the run against the older one."""
    return _write(folder / "run.json", folder / "report.html", "--baseline", folder / "main.json")


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests here."""
    with started(chromium, tmp_path_factory.mktemp("browser") / "profile") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a desktop's width."""
    opened = browser.page()
    opened.resize(1280)
    yield opened
    opened.close()


VISIBLE = "[...document.querySelectorAll('#rows > li')].filter(row => row.offsetParent)"
LARGEST_CELL = "document.querySelector('#confusion tbody tr')"
SHOW_EVERYTHING = "document.querySelectorAll('*').forEach(part => { part.style.contentVisibility = 'visible' })"
CUT_OFF = """[...document.querySelectorAll("main *")].filter(part => {
    if (part.getBoundingClientRect().right <= innerWidth) return false;
    for (let box = part.parentElement; box; box = box.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
    return true;
}).map(part => part.outerHTML.slice(0, 200)).slice(0, 3)"""
"""What is partly right of the window, and not in a box that scrolls."""
MATRIX = "document.querySelector('#confusion [data-matrix]')"


def test_it_opens_without_errors_and_without_requests(page: Page, report: Written) -> None:
    """Nothing is asked for but the file itself, and the console stays empty."""
    page.open(report.address)
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    assert page.errors() == []
    assert page.requests() == [report.address]
    assert page.run("document.querySelector('main h2').textContent") == "Verdicts"


@pytest.mark.parametrize(("width", "scale"), [(360, 3), (640, 2), (1280, 1)], ids=["phone", "200 % zoom", "desktop"])
def test_nothing_is_wider_than_the_window(page: Page, report: Written, width: int, scale: float) -> None:
    """Only tables scroll sideways, each in its place, and the letters of charts stay readable."""
    page.resize(width, scale=scale)
    page.open(report.address)
    page.run(SHOW_EVERYTHING)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run(CUT_OFF) == []
    heights = "[...document.querySelectorAll('figure svg text')].map(text => text.getBoundingClientRect().height)"
    assert page.run(f"Math.min(...{heights})") >= 7


def test_all_is_there_without_scripts(page: Page, report: Written) -> None:
    """Every image has its visible row, and no control that would do nothing is seen."""
    page.without_scripts()
    page.open(report.address)
    assert page.run(f"{VISIBLE}.length") == page.run("document.querySelectorAll('#rows > li').length") > 100
    assert page.run("[...document.querySelectorAll('button, input, select')].filter(on => on.offsetParent).length") == 0
    assert page.errors() == []


@pytest.fixture
def jenkins(report: Written) -> Iterator[str]:
    """The address of the report on a server that forbids scripts, inline styles and images in the file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Security-Policy", JENKINS)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(report.file.read_bytes())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/report.html"
        server.shutdown()


BLOCKED = re.compile("Content Security Policy|^Blocked script execution .* sandboxed")
"""What the console has of a script, a style or an image that a policy forbids."""


def test_it_is_read_under_the_policy_of_jenkins(page: Page, jenkins: str) -> None:
    """Scripts and inline styles are blocked: text, tables and charts are seen, and nothing else is asked for."""
    page.open(jenkins)
    assert page.requests() == [jenkins]
    assert page.run("document.styleSheets.length") == 0
    assert page.run(f"{VISIBLE}.length") > 100
    fills = page.run("[...document.querySelectorAll('figure path, figure rect')].map(of => getComputedStyle(of).fill)")
    assert {"rgb(0, 114, 178)", "none"} <= set(fills)
    assert [error for error in page.errors() if not BLOCKED.search(error)] == []


def test_it_is_printed(page: Page, report: Written) -> None:
    """On paper there is no navigation, and nothing is hidden in a box that scrolls."""
    page.open(report.address)
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("document.querySelector('nav').offsetParent") is None
    hidden = "[...document.querySelectorAll('div')].filter(box => box.scrollHeight > box.clientHeight + 1)"
    assert page.run(f"{hidden}.map(box => box.className)") == []
    printed = page.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 3


COLUMN = "[...document.querySelector('#models table').tBodies[0].rows].map(row => row.cells[0].textContent.trim())"


def test_tables_are_sorted(page: Page, report: Written) -> None:
    """A click on a head sorts, another one turns the order round, and screen readers are told."""
    page.open(report.address)
    names = page.run(COLUMN)
    head = "document.querySelector('#models thead th')"
    for order, sort in (("ascending", sorted(names)), ("descending", sorted(names, reverse=True))):
        page.run(f"{head}.querySelector('button').click()")
        assert page.run(COLUMN) == sort
        assert page.run(f"{head}.getAttribute('aria-sort')") == order


def test_images_are_found_by_words(page: Page, report: Written) -> None:
    """What is typed leaves the rows that have it, and their number is stated."""
    page.open(report.address)
    rows = page.run("document.querySelectorAll('#rows > li').length")
    path = page.run("document.querySelector('#rows > li h3').textContent")
    page.run("document.querySelector('#find').focus()")
    page.type(path.upper())
    assert page.run(f"{VISIBLE}.length") == 1
    assert page.run("document.querySelector('#found').textContent") == f"1 of {rows} images"
    page.run("document.querySelector('#all').click()")
    assert page.run(f"{VISIBLE}.length") == rows


@pytest.mark.parametrize("by", ["image", "link"])
def test_a_cell_of_the_confusion_matrix_shows_its_images(page: Page, report: Written, by: str) -> None:
    """A click on the image of the matrix, or on the number in its table, leaves exactly the images of that cell."""
    page.open(report.address)
    label, best = page.run(f"[...{LARGEST_CELL}.cells].slice(0, 2).map(cell => cell.textContent.trim())")
    if by == "link":
        page.run(f"{LARGEST_CELL}.querySelector('[data-cell]').click()")
    else:
        labels = sorted({prediction["label"] for prediction in report.run["predictions"]})
        page.run(f"{MATRIX}.scrollIntoView({{block: 'center'}})")
        left, top, side = page.run(f"(box => [box.left, box.top, box.width / 10])({MATRIX}.getBoundingClientRect())")
        page.click(left + side * (labels.index(best) + 0.5), top + side * (labels.index(label) + 0.5))
    images = report.paths("digits_resnet", label, best)
    assert set(page.run(f"{VISIBLE}.map(row => row.querySelector('h3').textContent)")) == images != set()
    assert page.run("document.querySelector('#found').textContent").startswith(
        f"{len(images)} of 360 images in this cell"
    )


def test_images_are_put_side_by_side(page: Page, report: Written) -> None:
    """Those that are chosen stand next to each other, and leave when they are chosen again."""
    page.open(report.address)
    page.run("document.querySelector('#rows').scrollIntoView()")
    buttons = "[...document.querySelectorAll('#rows button')].slice(0, 2)"
    while page.run(f"{buttons}.length") < 2:
        page.run("new Promise(requestAnimationFrame)")
    page.run(f"{buttons}.forEach(button => button.click())")
    boxes = page.run("[...document.querySelector('#side').children].map(card => card.getBoundingClientRect().top)")
    assert len(boxes) == 2
    assert boxes[0] == boxes[1]
    page.run(f"{buttons}.forEach(button => button.click())")
    assert page.run("document.querySelector('#side').hidden") is True


def test_flips_are_found(page: Page, report: Written) -> None:
    """The choice of flips leaves as many images as flipped."""
    page.open(report.address)
    page.run("document.querySelector('#show').value = 'flip'")
    page.run("document.querySelector('#show').dispatchEvent(new Event('change'))")
    flipped = page.run("new Set([...document.querySelectorAll('#flips .flip h4')].map(head => head.textContent)).size")
    assert page.run(f"{VISIBLE}.length") == flipped > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_from_using_it(page: Page, report: Written, axe_core: str, scheme: str) -> None:
    """Axe-core finds no violation: names, roles, order of headings, contrast."""
    page.prefer(scheme)
    page.open(report.address)
    page.run("document.querySelectorAll('#rows > li:nth-child(n+9), .flip:nth-child(n+9)').forEach(on => on.remove())")
    page.run(SHOW_EVERYTHING)
    page.run(f"{axe_core}; 0")
    violations = page.run("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
    assert [(rule["id"], len(rule["nodes"]), rule["nodes"][0]["html"]) for rule in violations] == []


def test_hostile_names_do_nothing(page: Page, folder: Path) -> None:
    """Where no policy protects the page, names of models, folders, files and classes still are only text."""
    run = json.loads((folder / "run.json").read_text())
    text = json.dumps({key: value for key, value in run.items() if key != "seal"})
    for name in ("digits_vit", "digits", "seven"):
        text = text.replace(f'"{name}', json.dumps(f"{HOSTILE}{name}")[:-1])
    (folder / "hostile.json").write_text(text)
    hostile = _write(folder / "hostile.json", folder / "hostile.html")
    page.call("Page.setBypassCSP", enabled=True)
    page.call("Page.addScriptToEvaluateOnNewDocument", source="window.hacked = () => { window.isHacked = true }")
    page.open(hostile.address)
    assert page.run("window.isHacked") is None
    assert page.requests() == [hostile.address]
    assert page.run("document.body.textContent.includes('<script>hacked()</script>{{7*7}}javascript:')") is True
    assert page.errors() == []
