"""The images of a folder in every other form of a dataset, and a web server that fails on purpose."""

import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any

from imgcls.data import dataset
from imgcls.records.config import Address, DatasetSpec
from imgcls.records.data import Listing

DATA = b"not an image: nothing here decodes it"


def listed(path: str | Path, **values: Any) -> Listing:
    """The listing of a dataset at a path or an address."""
    place = Address(path) if isinstance(path, str) and (":" in path) else Path(path)
    return dataset.list_images(DatasetSpec("d", place, **values))


def reasons(listing: Listing) -> dict[str, tuple[str, str]]:
    return {rejection.path: (rejection.reason, rejection.detail) for rejection in listing.rejections}


def labels(listing: Listing) -> dict[str, str | None]:
    return {image.path: image.label for image in listing.images}


def files_below(folder: Path) -> dict[str, bytes]:
    """The bytes of all files by their paths, sorted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def tar_of(file: Path, members: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> Path:
    """A tar archive of these members, in this order."""
    with tarfile.open(file, "w") as archive:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file


def zip_of(file: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip archive of these members."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def samples_of(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """WebDataset's members for images in folders of classes, whose names are all different."""
    samples = dict[str, bytes]()
    for path, data in members.items():
        label, _, name = path.partition("/")
        samples[f"{label}_{name}"] = data
        samples[f"{label}_{name.partition('.')[0]}.cls"] = label.encode()
    return samples


def parquet_of(file: Path, members: Mapping[str, bytes], row_group_size: int = 4) -> Path:
    """A Parquet file as the library datasets writes it, for images in folders of classes."""
    names = sorted({path.partition("/")[0] for path in members})
    rows = [
        {"image": {"bytes": data, "path": Path(path).name}, "label": names.index(path.partition("/")[0])}
        for path, data in members.items()
    ]
    return parquet_of_rows(file, rows, names, row_group_size)


def parquet_of_rows(
    file: Path, rows: Sequence[Mapping[str, Any]], names: Sequence[str], row_group_size: int = 4
) -> Path:
    """A Parquet file with these rows, whose ``label`` numbers ``names``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), file, row_group_size=row_group_size)
    return file


class Site:
    """Files by their paths. ``failures``: the number of requests that fail next; ``requests``: all that came.

    ``shift``: by how many bytes the parts it gives lie behind those that are requested.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.requests = files, list[tuple[str, str]]()
        self.failures, self.status, self.etag, self.ranges = 0, 503, '"1"', True
        self.cut, self.shift = 0, 0
        self.url = ""

    def fails(self) -> bool:
        self.failures -= 1
        return self.failures >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body at once

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]  # of _Server
        site.requests.append((self.path, self.headers.get("Range", "")))
        data = site.files.get(self.path)
        if site.fails():
            self._respond(site.status, b"", {})
        elif data is None:
            self._respond(404, b"", {})
        elif self.headers.get("If-Match", site.etag) != site.etag:
            self._respond(412, b"", {})
        elif not site.ranges:
            self._respond(200, data, {"ETag": site.etag})
        else:
            self._part(site, data)

    def _part(self, site: Site, data: bytes) -> None:
        first, last = (int(at) + site.shift for at in self.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        headers = {"ETag": site.etag, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
        if site.cut:
            site.cut -= 1
            self._respond(206, part[: len(part) // 2], headers, stated=len(part))
            self.close_connection = True
            return
        self._respond(206, part, headers)

    def _respond(self, status: int, data: bytes, headers: Mapping[str, str], stated: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if stated is None else stated))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class _Server(ThreadingTCPServer):
    """Not http.server's, which looks up its own name."""

    daemon_threads = True
    site: Site


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Site]:
    """A web server on the loopback that gives parts of these files."""
    site = Site(files)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.site = site
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
