import hashlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import PIL
import pytest
from PIL import Image

from imgcls import images
from imgcls.errors import ConfigError, MachineError
from imgcls.records import ImageRef, Listing


@pytest.fixture
def quiet() -> Iterator[None]:
    with images.quiet_pillow():
        yield


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def _noise(width: int, height: int) -> Image.Image:
    """A grey picture that no compression makes small, the same in every run."""
    return Image.frombytes("L", (width, height), hashlib.shake_256(b"noise").digest(width * height))


PNG = _encoded(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG")
JPEG = _encoded(_noise(32, 32).convert("RGB"), "JPEG")


def _put(file: Path, data: bytes = PNG) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def _damaged(data: bytes, start: int) -> bytes:
    return data[:start] + b"\xff" * 6 + data[start + 6 :]


def _noisy_tiff() -> bytes:
    """Decodes, although libtiff prints "Fax4Decode: Bad code word ..."."""
    return _damaged(_encoded(_noise(64, 64).convert("1"), "TIFF", compression="group4"), 20)


def _broken_tiff() -> bytes:
    """Does not decode, and libtiff prints "tempfile.tif: Using code not yet in table."."""
    return _damaged(_encoded(_noise(64, 64), "TIFF", compression="tiff_lzw"), 100)


def _paths(listing: Listing) -> list[str]:
    return [image.path for image in listing.images]


def _reasons(listing: Listing) -> dict[str, str]:
    return {rejection.path: rejection.reason for rejection in listing.rejections}


def _outcome(data: bytes) -> images.Undecodable | None:
    try:
        images.decode(data)
    except images.Undecodable as fault:
        return fault
    return None


# Listing.


def test_find_labels_by_first_folder_and_sorts_by_path(tmp_path: Path) -> None:
    """The label is the first folder's name however deep an image lies, and paths come sorted."""
    for path in ("dog/a.png", "cat/deep/er/b.png", "cat/a.png", "cat-2/z.png"):
        _put(tmp_path / path)

    listing = images.find("pets", tmp_path)

    assert listing == Listing(
        tuple(
            ImageRef(path, tmp_path / path, hashlib.sha256(PNG).hexdigest(), label)
            for path, label in [
                ("cat-2/z.png", "cat-2"),
                ("cat/a.png", "cat"),
                ("cat/deep/er/b.png", "cat"),
                ("dog/a.png", "dog"),
            ]
        ),
        (),
        0,
    )


@pytest.mark.parametrize("extension", [*sorted(images.EXTENSIONS), ".JPG", ".Png"])
def test_find_knows_an_extension_in_any_case(tmp_path: Path, extension: str) -> None:
    """Each of the extensions makes an image, whatever its case."""
    _put(tmp_path / "cat" / f"a{extension}")

    assert _paths(images.find("pets", tmp_path)) == [f"cat/a{extension}"]


def test_find_counts_other_and_hidden_files_as_ignored(tmp_path: Path) -> None:
    """Other extensions, hidden files and files in hidden folders are each counted once, and not as images."""
    _put(tmp_path / "cat" / "a.png")
    for path in ("README", "cat/notes.txt", "cat/.a.png", ".git/b.png", "cat/.cache/deep/c.png"):
        _put(tmp_path / path)
    (tmp_path / "cat" / "gone.txt").symlink_to("nowhere")

    listing = images.find("pets", tmp_path)

    assert (_paths(listing), listing.rejections, listing.ignored) == (["cat/a.png"], (), 6)


def test_find_rejects_an_image_without_a_class_folder(tmp_path: Path) -> None:
    """An image in the root has no label, so it is rejected with what to do."""
    _put(tmp_path / "cat" / "a.png")
    _put(tmp_path / "b.png")

    (rejection,) = images.find("pets", tmp_path).rejections

    assert (rejection.dataset, rejection.path, rejection.reason) == ("pets", "b.png", "unlabelled")
    assert "move it into the folder of its class" in rejection.detail


def test_find_rejects_what_is_no_file(tmp_path: Path) -> None:
    """Dangling and circular links, empty files and folders named like images are rejected by reason, each once."""
    _put(tmp_path / "cat" / "empty.png", b"")
    _put(tmp_path / "cat" / "folder.jpg" / "inside.png")
    (tmp_path / "cat" / "dangling.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "cat" / "self.jpg").symlink_to("self.jpg")

    listing = images.find("pets", tmp_path)

    assert _paths(listing) == ["cat/folder.jpg/inside.png"]
    assert _reasons(listing) == {
        "cat/dangling.jpg": "missing",
        "cat/empty.png": "empty",
        "cat/folder.jpg": "not_regular",
        "cat/self.jpg": "unreadable",
    }
    assert all(rejection.detail for rejection in listing.rejections)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_find_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    """A named pipe without a writer, and a link to it, are rejected and never opened."""
    (tmp_path / "cat").mkdir()
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    (tmp_path / "cat" / "link.jpg").symlink_to("pipe.jpg")

    listing = images.find("pets", tmp_path)

    assert _reasons(listing) == {"cat/link.jpg": "not_regular", "cat/pipe.jpg": "not_regular"}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in the file system here")
def test_find_rejects_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is named like an image is not a file."""
    (tmp_path / "cat").mkdir()
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("cat/socket.jpg")

    assert _reasons(images.find("pets", tmp_path)) == {"cat/socket.jpg": "not_regular"}


def test_find_names_a_refused_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to open a file, the rest is listed; the refusal is simulated, as root has none."""
    locked = _put(tmp_path / "cat" / "locked.png")
    _put(tmp_path / "cat" / "open.png")
    really_open = Path.open

    def refuse(path: Path, mode: str) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return really_open(path, mode)

    monkeypatch.setattr(Path, "open", refuse)

    listing = images.find("pets", tmp_path)

    assert _paths(listing) == ["cat/open.png"]
    assert _reasons(listing) == {"cat/locked.png": "permission"}


def test_find_names_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the system does not list is a rejection: what it holds is not dropped in silence."""
    _put(tmp_path / "cat" / "a.png")
    _put(tmp_path / "dog" / "a.png")
    really_scan = os.scandir

    def refuse(path: str) -> object:
        if path == str(tmp_path / "dog"):
            raise PermissionError(13, "Permission denied", path)
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", refuse)

    listing = images.find("pets", tmp_path)

    assert (_paths(listing), _reasons(listing)) == (["cat/a.png"], {"dog": "permission"})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_find_meets_real_permissions(tmp_path: Path) -> None:
    """A file of mode 0 is rejected for its permission."""
    _put(tmp_path / "cat" / "locked.png").chmod(0)

    assert _reasons(images.find("pets", tmp_path)) == {"cat/locked.png": "permission"}


def test_find_follows_linked_folders_but_no_loops(tmp_path: Path) -> None:
    """Folders linked from elsewhere are followed under each of their names; links back to a parent are not."""
    _put(tmp_path / "elsewhere" / "a.png")
    data = tmp_path / "data"
    (data / "cat" / "deep").mkdir(parents=True)
    (data / "dog").symlink_to("../elsewhere")
    (data / "cat" / "more").symlink_to("../../elsewhere")
    (data / "cat" / "deep" / "up").symlink_to("..")
    (data / "cat" / "deep" / "root").symlink_to(data)
    (tmp_path / "elsewhere" / "back").symlink_to("../elsewhere")

    assert _paths(images.find("pets", data)) == ["cat/more/a.png", "dog/a.png"]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="file names are Unicode on this system")
def test_find_spells_out_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    """A name of arbitrary bytes is listed under a text that every report can hold, and is still opened."""
    _put(tmp_path / "cat" / os.fsdecode(b"caf\xe9.png"))

    (image,) = images.find("pets", tmp_path).images

    assert (image.path, images.read(image)) == ("cat/caf\\xe9.png", PNG)


@pytest.mark.parametrize("name", ["absent", "file", "empty"])
def test_find_refuses_what_holds_no_class_folder(tmp_path: Path, name: str) -> None:
    """An absent folder, a file, and a folder without folders are errors that name what is expected."""
    _put(tmp_path / "file")
    _put(tmp_path / "empty" / "a.png")
    (tmp_path / "empty" / ".hidden").mkdir()

    with pytest.raises(ConfigError, match=f"'pets': .*{name}.*expected a folder that holds one folder of images per"):
        images.find("pets", tmp_path / name)


def test_manifest_reads_rows_relative_to_itself(tmp_path: Path) -> None:
    """Rows are found beside the manifest whatever their extension, byte order mark and other columns aside."""
    _put(tmp_path / "pictures" / "b.bin")
    _put(tmp_path / "a, b.png")
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        'id,label,path\n1,cat,./pictures/b.bin\n2,"dög",gone.png\n3,cat,"a, b.png"\n', encoding="utf-8-sig"
    )

    listing = images.find_manifest("pets", manifest)

    assert [(image.path, image.label) for image in listing.images] == [("a, b.png", "cat"), ("pictures/b.bin", "cat")]
    assert (_reasons(listing), listing.ignored) == ({"gone.png": "missing"}, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"columns path and label, found \[\]"),
        ("file,label\na.png,cat\n", r"columns path and label, found \['file', 'label'\]"),
        ("path,label\na.png,cat\n./a.png,cat\n", "line 3: a.png is listed twice"),
        ("path,label\na.png\n", "line 2: expected the 2 fields"),
        ("path,label\na,b.png,cat\n", "line 2: expected the 2 fields .* quote a field that holds a comma"),
        ("path,label\na.png,\n", "line 2: expected a path and a label, found 'a.png' and ''"),
        ("path,label\n,cat\n", "line 2: expected a path and a label, found '' and 'cat'"),
        ("path,label\na\0.png,cat\n", "expected a path and a label|not a UTF-8 .csv file"),
        ('path,label\n"a.png"x,cat\n', "not a UTF-8 .csv file"),
        ("path,label\n\udcff.png,cat\n", "not a UTF-8 .csv file"),
    ],
)
def test_manifest_names_what_is_wrong_with_it(tmp_path: Path, text: str, message: str) -> None:
    """A manifest that is not understood is an error that names the file and the line or the columns."""
    manifest = tmp_path / "list.csv"
    manifest.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ConfigError, match=f"'pets': .*list.csv.*{message}"):
        images.find_manifest("pets", manifest)


def test_manifest_that_is_absent_is_an_error(tmp_path: Path) -> None:
    """A manifest that is not there is an error that says what was expected."""
    with pytest.raises(ConfigError, match=r"gone.csv: No such file.*expected a .csv file"):
        images.find_manifest("pets", tmp_path / "gone.csv")


def test_find_unlabelled_tries_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named files are tried whatever their name, folders are searched, nothing has a label, each path is once."""
    for path in ("z.bin", "folder/b.png", "folder/deep/a.png", "folder/notes.txt", "folder/.hidden/c.png"):
        _put(tmp_path / path)
    monkeypatch.chdir(tmp_path)

    listing = images.find_unlabelled("predict", [Path(p) for p in ("z.bin", "gone.jpg", "folder", "./folder/b.png")])

    assert [(image.path, image.label) for image in listing.images] == [
        ("z.bin", None),
        ("folder/b.png", None),
        ("folder/deep/a.png", None),
    ]
    assert (_reasons(listing), listing.ignored) == ({"gone.jpg": "missing"}, 2)
    assert _paths(images.find_unlabelled("predict", [Path("folder/deep"), Path()])) == [
        "folder/deep/a.png",
        "folder/b.png",
    ]


def test_same_bytes_under_two_labels_is_an_error(tmp_path: Path) -> None:
    """Equal bytes are an error that names both files under two labels, and none under one."""
    for path in ("cat/a.png", "cat/copy.png"):
        _put(tmp_path / path)
    images.same_bytes_under_two_labels(images.find("pets", tmp_path))
    _put(tmp_path / "dog" / "b.png")

    with pytest.raises(ConfigError, match=r"cat/a\.png is 'cat' and dog/b\.png is 'dog'"):
        images.same_bytes_under_two_labels(images.find("pets", tmp_path))


# Reading.


def _gone(file: Path) -> None:
    file.unlink()


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _rewritten(file: Path) -> None:
    file.write_bytes(JPEG)


def _made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(_gone, "missing"), (_emptied, "empty"), (_rewritten, "changed"), (_made_a_folder, "not_regular")],
)
def test_read_gives_only_the_bytes_that_were_listed(
    tmp_path: Path, happens: Callable[[Path], None], reason: str
) -> None:
    """A file that is not what it was when it was listed gives no bytes, but the reason."""
    file = _put(tmp_path / "cat" / "a.png")
    (image,) = images.find("pets", tmp_path).images
    assert images.read(image) == PNG
    happens(file)

    with pytest.raises(images.Undecodable, match=f"^{reason}: .") as caught:
        images.read(image)

    assert caught.value.reason == reason


# Decoding.


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *(("TIFF", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F")),
        *(("GIF", mode) for mode in ("1", "L", "P")),
        ("TGA", "RGB"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_decode_gives_the_pixels_of_pillow(name: str, mode: str) -> None:
    """Pixels are those of Image.open(...).convert("RGB"), byte for byte, for every format and mode."""
    grey = _noise(19, 13)
    data = _encoded((grey if mode in {"I;16", "F"} else grey.convert("RGB")).convert(mode), name)

    decoded = images.decode(data)

    expected = Image.open(io.BytesIO(data)).convert("RGB")
    assert (decoded.mode, decoded.size, decoded.tobytes()) == ("RGB", (19, 13), expected.tobytes())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.usefixtures("quiet")
def test_decode_turns_a_picture_only_when_asked(name: str) -> None:
    """Exif orientation 6 (turned right) is left alone as torchvision and timm do, and applied on request."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _encoded(Image.new("RGB", (4, 2)), name, exif=exif)

    assert (images.decode(data).size, images.decode(data, exif="apply").size) == ((4, 2), (2, 4))


@pytest.mark.usefixtures("quiet")
def test_decode_turns_a_tiff_once() -> None:
    """Pillow always turns a TIFF upright by itself; to apply its Exif orientation does not turn it again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _encoded(_noise(4, 2), "TIFF", exif=exif)

    upright = _noise(4, 2).transpose(Image.Transpose.ROTATE_270).convert("RGB").tobytes()

    assert (images.decode(data).tobytes(), images.decode(data, exif="apply").tobytes()) == (upright, upright)


def _bmp(width: int, depth: int = 24) -> bytes:
    header = b"".join(n.to_bytes(size, "little") for n, size in [(40, 4), (width, 4), (width, 4), (1, 2), (depth, 2)])
    return b"BM" + bytes(8) + (54).to_bytes(4, "little") + header + bytes(24)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_an_image"),
        (b"no image at all", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not_an_image"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[:50], "truncated"),
        (_damaged(_encoded(_noise(32, 32), "PNG"), 100), "corrupt"),
        (_bmp(2, depth=7), "unsupported"),
        (_bmp(50_000), "too_large"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_decode_says_why_not(data: bytes, reason: str) -> None:
    """Each kind of damage has its word, and a detail that does not change from run to run."""
    first, second = _outcome(data), _outcome(data)

    assert first is not None
    assert second is not None
    assert (first.reason, bool(first.detail)) == (reason, True)
    assert first.detail == second.detail


@pytest.mark.usefixtures("quiet")
def test_decode_names_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that does not fit into memory is rejected, and does not end the run."""

    def exhausted(_image: Image.Image, _mode: str) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", exhausted)

    with pytest.raises(images.Undecodable, match=r"^out_of_memory: MemoryError$"):
        images.decode(PNG)


def test_warnings_do_not_change_what_decodes() -> None:
    """A picture that Pillow warns of decodes inside quiet_pillow, where warnings are errors and in other threads."""
    palette = Image.new("P", (2, 2))
    data = _encoded(palette, "PNG", transparency=b"\x80\x40")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Palette images with Transparency"):
            images.decode(data)
        with images.quiet_pillow(), ThreadPoolExecutor(2) as pool:
            decoded = list(pool.map(images.decode, [data] * 8))

    assert [image.mode for image in decoded] == ["RGB"] * 8


def test_what_libtiff_prints_goes_into_the_detail(capfd: pytest.CaptureFixture[str]) -> None:
    """In two threads at once, what libtiff says of a broken file is in its own rejection, and none on the terminal."""
    noisy, broken = _noisy_tiff(), _broken_tiff()
    with images.quiet_pillow(), ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(_outcome, [noisy, broken] * 20))

    assert capfd.readouterr() == ("", "")
    assert outcomes[::2] == [None] * 20
    assert {fault and fault.detail for fault in outcomes[1::2]} == {f"decoder error -2; {_printed(broken, capfd)}"}


def _printed(data: bytes, capfd: pytest.CaptureFixture[str]) -> str:
    with suppress(OSError):
        Image.open(io.BytesIO(data)).convert("RGB")
    return capfd.readouterr().err.rstrip("\n")


def test_libtiff_does_print(capfd: pytest.CaptureFixture[str]) -> None:
    """Plain Pillow prints on the two pictures of the test above: they are fit to prove it."""
    assert _printed(_noisy_tiff(), capfd)
    assert _printed(_broken_tiff(), capfd)


def test_what_others_print_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    """Only lines of libtiff's are kept back; a progress bar and an exception of another thread come through."""
    others = b"\r\x1b[2Kphotos 50%", b"ValueError: a thread died.\n", b"INFO: done.\n", b"no line end"
    printed: list[str] = []
    with images._caught_stderr(printed):
        writer = threading.Thread(target=lambda: [os.write(2, text) for text in others[:2]])
        writer.start()
        writer.join()
        os.write(2, b"TIFFFillStrip: Read error on strip 0; got 1 bytes, expected 2.\n")
        os.write(2, b"tempfile.tif: WEBP compression support is not configured.\n")
        for text in others[2:]:
            os.write(2, text)

    assert printed == [
        "TIFFFillStrip: Read error on strip 0; got 1 bytes, expected 2.",
        "tempfile.tif: WEBP compression support is not configured.",
    ]
    assert capfd.readouterr().err.encode() == b"".join(others)


def test_a_long_complaint_is_abridged() -> None:
    """Of many lines each different one counts once, and the first four are shown."""
    assert images._abridged(["a", "a", "b"]) == ["a", "b"]
    assert images._abridged([*"abcdef", "a"]) == ["a", "b", "c", "d", "and 2 more lines"]


def test_no_temporary_file_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing can be caught for want of a temporary file, the picture is not blamed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(MachineError, match="set TMPDIR"):
        images.decode(_noisy_tiff())


def test_decode_works_with_stderr_closed(tmp_path: Path) -> None:
    """With file descriptor 2 closed and warnings as errors, pictures decode and are rejected as ever."""
    _put(tmp_path / "noisy.tif", _noisy_tiff())
    _put(tmp_path / "broken.tif", _broken_tiff())
    program = """if True:
        import logging, os, pathlib
        from imgcls import images
        with images.quiet_pillow():
            logging.getLogger("PIL.TiffImagePlugin").error("is not shown")
            print(images.decode(pathlib.Path("noisy.tif").read_bytes()).size)
            os.close(2)
            print(images.decode(pathlib.Path("noisy.tif").read_bytes()).size)
            try:
                images.decode(pathlib.Path("broken.tif").read_bytes())
            except images.Undecodable as fault:
                print(fault.reason)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("(64, 64)\n(64, 64)\ncorrupt\n", "")


def test_decoder_names_its_libraries() -> None:
    """The store's key holds the versions of Pillow and of the libraries that it decodes with."""
    assert images.decoder().startswith(f"pillow {PIL.__version__} (libjpeg_turbo ")
    assert ", libtiff 4." in images.decoder()


# The hostile files.


@pytest.mark.usefixtures("quiet")
def test_hostile_files_decode_as_in_plain_pillow(shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of 1,194 odd and malicious files, whatever their name, 213 are rejected, each with a reason and a detail.

    The count is Pillow 13's, given all its formats, without EPS; how it divides into reasons is left open, since the
    words of Pillow's errors move from release to release.
    """
    files = sorted(path for path in (shared_data / "hostile").rglob("*") if path.is_file())
    faults = [fault for path in files if (fault := _outcome(path.read_bytes()))]

    assert (len(files), len(faults)) == (1194, 213)
    assert {fault.reason for fault in faults} <= set(images.Reason.__args__)  # type: ignore[attr-defined] # a Literal's
    assert all(fault.detail for fault in faults)
    assert capfd.readouterr() == ("", "")


def test_every_hostile_path_is_listed_once(shared_data: Path) -> None:
    """Images, rejections and ignored files add up to the files of the folder."""
    listing = images.find("hostile", shared_data / "hostile")
    paths = [*_paths(listing), *_reasons(listing)]

    assert len(set(paths)) + listing.ignored == len(paths) + listing.ignored == 1194
    assert {image.label for image in listing.images} == {"exif", "pillow", "pngsuite"}
