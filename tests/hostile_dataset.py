"""A dataset whose files, folders and classes have the names that somebody would choose who means harm."""

import csv
import json
import os
import random
from pathlib import Path

from PIL import Image

from conftest import CONFIGURATION, Project
from imgcls import messages

IMAGES, BROKEN, IGNORED = 500, 20, 10

LONGEST = 255
"""The bytes that a name may have on this file system."""

MARKUP = (
    b"<img src=x onerror=hacked()>", b"<svg onload=hacked()>", b"<script>hacked()<", b"script>", b"<!--", b"-->",
    b"]]>",
    b"<b>", b"&lt;i&gt;", b"&#60;u>", b"{{7*7}}", b"{% raw %}", b"${hacked()}", b"javascript:hacked()", b"<a href=x>",
    b"<style>*{background:url(x)}", b"<base href=http:>",
    b'"onmouseover=hacked() x="', b"' autofocus onfocus=hacked() '",
)  # fmt: skip
QUOTES = (b"'", b'"', b"`", b"``", b"\\", b"\\\\", b"\\n", b"\\x1b", b"''", b'""', b"\\'", b";", b",", b"\\|")
FORMULAS = (
    b"=1+1", b'=HYPERLINK("x")', b"+1", b"-1", b"@SUM(A1)", b"\t=1", b"\r=1", b"\n=1",
    "\uff1d1".encode(), "\uff0b1".encode(), "\uff0d1".encode(), "\uff20A1".encode(), b"'=1", b'"=1', b" =1", b"|cmd",
)  # fmt: skip
TERMINAL = (
    b"\x1b[31m", b"\x1b]0;owned\x07", b"\x1b]8;;http:\x1b\\", b"\x1bc", b"\x9b31m", "\x9b31m".encode(), b"\x07",
    b"\x08\x08", b"\x0e", b"\x7f", "\x85".encode(), "\x90q".encode(), b"\x1b[2J\x1b[H", b"\x01",
)  # fmt: skip
UNSEEN = tuple(
    c.encode() for c in "\u202e\u202a\u2066\u2069\u200e\u200f\u061c\u200b\u200c\u200d\u2060\ufeff\u00ad\u115f\U000e0041"
)
LINES = (
    b"\n", b"\r", b"\r\n", b"\t", b"\x0b", b"\x0c", b"\x1c", b"\n\n", b"\n# x\n", "\u2028".encode(), "\u2029".encode(),
)  # fmt: skip
BYTES = (b"\xff", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xc0\xaf", b"\xe2\x80", b"\xf4\x90\x80\x80", "\ufffd".encode())
MARKDOWN = (
    b"|", b"\\|", b"[a](javascript:x)", b"![x](x)", b"**b**", b"~~s~~", b"$x$", b"<http:x>", b"www.evil.example",
    b"a@evil.example", b"@somebody", b"#12", b"GH-12", b"x#12", b"_e_", b"- x", b"> x", b"1. x", b"``` x", b"# x",
    b"[x]",
    b"--- | ---", b":---:", b"<!-- imgcls -->", b"xmpp:a@b.example", b"mailto:a@b.example", b"[^1]", b"&#64;somebody",
)  # fmt: skip
RUNNER = (
    b"::error::owned", b"::set-output name=x::y", b"##[error]owned", b"%0A::error::x", b"\n::error::owned", b"%s",
    b"{0}", b"::stop-commands::x", b"$HOME", b"$(id)", b"\r::warning::x",
)  # fmt: skip
KINDS = (MARKUP, QUOTES, FORMULAS, TERMINAL, UNSEEN, LINES, BYTES, MARKDOWN, RUNNER)

ONLY_IN_CLASSES = (
    "</script><script>hacked()</script>",
    "http://127.0.0.1:9/x",
    "https://evil.example",
    "</title>",
    "//x",
)
"""What no name of a file has, with the separator of folders."""

FOLDERS = (
    b"=cmd|' C'!A0<img src=x onerror=hacked()>@somebody #12 www.evil.example\x1b[31m\xff\n::error::x <",
    b"  ::error::owned \xe2\x80\xae\xe2\x81\xa6`|`*b*[a](x)\"'\\x1b\\\xe2\x80\xa8<b> ",
    b"-1;##[error]x&lt;\x9b31m\r\n{{7*7}}" + b"a" * (LONGEST - 34) + b"\xff<",
)


def names(count: int, seed: int) -> list[bytes]:
    """Different names without a suffix: each block of each kind begins one, every fourth is as long as it can be."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    first = [block for kind in KINDS for block in kind]
    return [_name(chance, first[number % len(first)], number) for number in range(count)]


def _name(chance: random.Random, first: bytes, number: int) -> bytes:
    blocks = [chance.choice(chance.choice(KINDS)) for _ in range(chance.randrange(4))]
    end = f"{number:03}".encode()
    room = LONGEST - len(b".png") - len(end)
    body = first + b"".join(blocks)
    return (body + "é".encode() * (LONGEST if number % 4 == 0 else 0))[:room] + end


def class_names() -> list[str]:
    """Three names of classes in which all blocks are that are text, and what only they can have."""
    texts = [block.decode("utf-8", "ignore") for kind in KINDS for block in kind]
    return [" ".join([*ONLY_IN_CLASSES, *texts][start::3]) for start in range(3)]


def make(folder: Path) -> Project:
    """The project with this dataset, and a map from its folders to its classes."""
    made = Project(folder)
    images = os.fsencode(folder / "colours")
    for old, name in zip((b"red", b"green", b"blue"), FOLDERS, strict=True):
        Path(os.fsdecode(images + b"/" + old)).rename(os.fsdecode(images + b"/" + name))
    for number, name in enumerate(names(IMAGES, seed=18)):
        place = os.fsdecode(b"/".join((images, FOLDERS[number % 3], name + b".png")))
        colour = [255 * (channel == number % 3) for channel in range(3)]
        image = Image.new("RGB", (8, 8), tuple(colour))
        image.putpixel((4, 4), (number % 256, number // 256, 77))
        image.save(place)
    for number, name in enumerate(names(BROKEN + IGNORED, seed=19)):
        suffix = b".png" if number < BROKEN else b".<b>|\x1b[31m"
        broken = b"/".join((images, FOLDERS[number % 3], name[-200:] + b"broken" + suffix))
        Path(os.fsdecode(broken)).write_bytes(b"not an image %d" % number)
    (folder / "names.json").write_text(json.dumps(class_names()))
    with (folder / "map.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("folder", "index"), *((label, place) for place, label in enumerate(labels()))])
    return made


def labels() -> list[str]:
    """The folders as documents have them."""
    return [messages.path_text(Path(os.fsdecode(name))) for name in FOLDERS]


def paths() -> set[str]:
    """The images that are named to do harm, as documents have them."""
    named = ((FOLDERS[number % 3], name) for number, name in enumerate(names(IMAGES, seed=18)))
    return {messages.path_text(Path(os.fsdecode(folder + b"/" + name + b".png"))) for folder, name in named}


def configure(made: Project, gain: float) -> None:
    """With a negative gain the network takes every colour for another one."""
    text = CONFIGURATION.replace("names.txt", "names.json").replace("min_images = 12", "max_rejected = 0.5")
    text = text.replace('path = "colours"', 'path = "colours"\nlabels = { file = "map.csv" }\ngolden = true')
    made.configure(text.replace('colour"\n', f'colour"\noptions = {{ gain = {gain} }}\n', 1))
