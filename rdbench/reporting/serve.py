"""A folder of runs in the browser: an index with the progress of runs under way, and their reports.

Only what belongs to runs is given away, only by GET and HEAD, and only to who asks for this machine
by its own name: a page of somebody else that a browser shows cannot reach it under another one.
"""

from __future__ import annotations

import contextlib
import http
import http.server
import json
import mimetypes
import os
import shutil
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import rdbench
from rdbench.errors import RdbenchError, UsageError
from rdbench.files import is_locked
from rdbench.manifest import MANIFEST, read_manifest
from rdbench.reporting.page import FILES, GENERATOR, REPORT, asset, template
from rdbench.results import MEASUREMENTS, read_table
from rdbench.schema import OK
from rdbench.text import all_printable, printable

SERVED: Final = frozenset({".html", ".webp", ".png", ".svg", ".pdf", ".csv", ".json", ".txt"})
"""Suffixes of the files that are given away."""
RECENT_S: Final = 60.0
"""A run that lacks rows and was written to since so long ago is under way, where the system does
not tell whether a process is writing to it."""
_DEPTH: Final = 3
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def serve(
    folder: str | Path, *, host: str = "127.0.0.1", port: int = 8000
) -> http.server.ThreadingHTTPServer:
    """A server of the runs in ``folder`` and up to three folders below it, bound and not yet
    running (``serve_forever``); ``rdbench serve``.

    On an address of this machine alone only its own names are answered; on another one any name,
    as it may have several. Raises :class:`UsageError` where there is no such folder, and where the
    port is taken.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{str(root)!r} is not a folder; name one that has run directories")
    names = _LOCAL if host in ("localhost", "127.0.0.1", "::1") else None
    handler = type("Handler", (_Handler,), {"root": root.resolve(), "names": names})
    try:
        return http.server.ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another `port`"
        ) from None


def index(root: Path) -> list[dict[str, Any]]:
    """What is known of each run in ``root``, the newest first."""
    found = [all_printable(_run(root, path)) for path in _runs(root, _DEPTH)]
    return sorted(found, key=lambda run: run["changed"], reverse=True)


def reports(root: Path) -> list[dict[str, str]]:
    """Names and links of the pages in ``root`` itself, which are of several runs."""
    names = sorted(path.name for path in root.glob("*.html") if _is_page(path))
    return [{"name": printable(name), "link": _quoted(name)} for name in names]


def _quoted(name: str) -> str:
    """A name as addresses have it, by its bytes."""
    return urllib.parse.quote(os.fsencode(name))


def _is_page(path: Path) -> bool:
    """Whether a file is a page of :func:`rdbench.report`, as its beginning says."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(4096)


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / MEASUREMENTS).is_file() and (folder / MANIFEST).is_file():
        yield folder
    elif depth:
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
                yield from _runs(below, depth - 1)


def _run(root: Path, path: Path) -> dict[str, Any]:
    changed = (path / MEASUREMENTS).stat().st_mtime
    report = path / REPORT
    told: dict[str, Any] = {
        "path": path.relative_to(root).as_posix(),
        "link": _quoted(path.relative_to(root).as_posix()),
        "changed": changed,
        "report": report.is_file(),
        "older": report.is_file() and report.stat().st_mtime < changed,
    }
    try:
        manifest = read_manifest(path)
        table = read_table(path)
    except RdbenchError as error:
        return told | {"name": path.name, "problem": str(error)}
    asked = _asked(manifest)
    locked, recent = is_locked(path), len(table) < asked and time.time() - changed < RECENT_S
    failed = sum(status != OK for status in (table.texts["status"][n] for n in range(len(table))))
    return told | {
        "name": manifest.get("name") or path.name,
        "done": len(table),
        "asked": asked,
        "failed": failed,
        "running": recent if locked is None else locked,
        "problem": "",
    }


def _asked(manifest: Mapping[str, Any]) -> int:
    """How many rows a run will have; 0 where its manifest does not tell."""
    experiment = manifest.get("experiment", {})
    images = sum(map(len, experiment.get("datasets", {}).values()))
    points = sum(len(codec.get("points", ())) for codec in experiment.get("codecs", ()))
    return images * points * int(experiment.get("repeat", 1))


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request; :func:`serve` makes a class of it for a folder."""

    root: Path
    names: frozenset[str] | None
    """Under which it is asked for; None for any."""
    server_version = f"rdbench/{rdbench.__version__}"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle(self) -> None:
        """Answer; a browser that leaves before it has all is none of our business."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """The index, its progress as JSON, or a file of a run."""
        if self.names is not None and self._host() not in self.names:
            return self._refuse(http.HTTPStatus.MISDIRECTED_REQUEST)
        path = urllib.parse.urlsplit(self.path).path
        if path == "/":
            return self._send("text/html; charset=utf-8", _page(self.root).encode())
        if path == "/progress.json":
            return self._send("application/json", json.dumps(index(self.root)).encode())
        file = self._file(path)
        if file is None:
            return self._refuse(http.HTTPStatus.NOT_FOUND)
        return self._send_file(file)

    do_HEAD = do_GET  # noqa: N815

    def _host(self) -> str:
        """The name under which it was asked for, without the port."""
        host = self.headers.get("Host", "").lower()
        return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host

    def _file(self, path: str) -> Path | None:
        """The file that a path of an address means, if it is one that is given away."""
        parts = os.fsdecode(urllib.parse.unquote_to_bytes(path)).split("/")[1:]
        if any(part.startswith(".") or not part or {*part} & {"\\", "\0"} for part in parts):
            return None
        file = self.root.joinpath(*parts)
        try:
            inside = file.resolve(strict=True).is_relative_to(self.root)
            is_file = file.is_file()
        except (OSError, ValueError):
            return None
        if not (inside and is_file and file.suffix in SERVED):
            return None
        # Of a run, or of the folders below it; or a page of several, or a picture of that.
        above = [above for above in file.parents if above.is_relative_to(self.root)]
        if any((folder / MANIFEST).is_file() for folder in above):
            return file
        page = self.root / parts[0]
        if len(parts) > 1:
            page = self.root / f"{parts[0].removesuffix(FILES)}.html"
        return file if _is_page(page) else None

    def _send_file(self, file: Path) -> None:
        with file.open("rb") as stream:
            self._head(_type(file), file.stat().st_size)
            if self.command == "GET":
                shutil.copyfileobj(stream, self.wfile)

    def _send(self, kind: str, body: bytes) -> None:
        self._head(kind, len(body))
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, kind: str, size: int) -> None:
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def _refuse(self, status: http.HTTPStatus) -> None:
        self.send_error(status, explain=" ")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is logged."""


def _type(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _page(root: Path) -> str:
    page: str = template("index.html.jinja").render(
        title=printable(root.name),
        version=rdbench.__version__,
        runs=index(root),
        reports=reports(root),
        style=asset("report.css"),
    )
    return page
