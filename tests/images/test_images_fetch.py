"""Fetching from a real server on this machine, and everything that can go wrong with it."""

from __future__ import annotations

import contextlib
import http.server
import io
import os
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.errors import UsageError
from rdbench.images import known, pixel_sha256
from rdbench.images.fetch import fetch, fetch_files
from rdbench.images.known import KnownImage
from rdbench.images.loading import read_image


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; ``faults`` says per path what goes wrong, once per entry."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.requests: Counter[str] = Counter()
        self.sent = 0
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/images/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/images/")
        self.server.requests[name] += 1
        fault = (self.server.faults.get(name) or [""]).pop(0)
        body = self.server.files.get(name)
        if fault.startswith("to "):
            self.send_response(302)
            self.send_header("Location", fault.removeprefix("to "))
            self.end_headers()
            return
        if fault == "dressed up":
            self.wfile.write(b"HTTP/1.0 404 \x1b]0;owned\x07\x1b[31mGone\r\n\r\n")
            return
        if fault in ("endless", "drips", "drips headers"):
            self._go_on(fault)
            return
        if body is None or fault.isdigit():
            self.send_error(int(fault or 404))
            return
        self.send_response(200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = fault in ("truncated", "no length")
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def _go_on(self, fault: str) -> None:
        """Send without an end until nobody listens: fast, or byte by byte."""
        head = b"HTTP/1.0 200 OK\r\n" + (b"X-" if fault == "drips headers" else b"\r\n")
        part = b"x" if fault.startswith("drips") else b"x" * (1 << 20)
        with contextlib.suppress(OSError):
            self.wfile.write(head)
            while not self.server.over.wait(0.01 if fault.startswith("drips") else 0):
                self.wfile.write(part)
                self.server.sent += len(part)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def manifest(server: Server) -> dict[str, KnownImage]:
    """Three images on the server, with what is known of them."""
    hashes = {}
    for number in range(1, 4):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 20, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        server.files[f"{number}.png"] = stream.getvalue()
        hashes[f"{number}.png"] = KnownImage(pixel_sha256(pixels), width=20, height=30)
    return hashes


def fetched(server: Server, manifest: dict[str, KnownImage], folder: Path, **options) -> list[str]:
    lines: list[str] = []
    options = {"wait_s": 0.0, "timeout_s": 5.0, **options}
    fetch_files(manifest, server.base_url, folder, report=lines.append, **options)
    return lines


def test_files_arrive_as_they_were_sent(server, manifest, tmp_path):
    folder = tmp_path / "a" / "b"
    lines = fetched(server, manifest, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == server.files
    assert lines == [f"{name}: fetched, {len(server.files[name]):,} bytes" for name in manifest]


def test_files_have_the_usual_permissions(server, manifest, tmp_path):
    before = os.umask(0o022)
    try:
        fetched(server, manifest, tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "1.png").stat().st_mode) == 0o644


def test_what_is_there_and_right_is_not_fetched_again(server, manifest, tmp_path):
    fetched(server, manifest, tmp_path)
    (tmp_path / "2.png").write_bytes(server.files["2.png"][:-20])
    (tmp_path / "3.png").write_bytes(server.files["1.png"])
    server.requests.clear()
    lines = fetched(server, manifest, tmp_path)
    assert server.requests == {"2.png": 1, "3.png": 1}
    assert lines[0] == "1.png: already there"
    for name, image in manifest.items():
        assert pixel_sha256(read_image(tmp_path / name)) == image.sha256


@pytest.mark.parametrize("fault", ["500", "503", "truncated", "no length"])
def test_passing_faults_are_tried_again(server, manifest, tmp_path, fault):
    server.faults["2.png"] = [fault, fault]
    fetched(server, manifest, tmp_path)
    assert server.requests["2.png"] == 3
    assert (tmp_path / "2.png").read_bytes() == server.files["2.png"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "HTTP status 500"),
        ("truncated", r"IncompleteRead\(\d+ bytes read, \d+ more expected\)"),
        ("no length", "is truncated or damaged"),
    ],
)
def test_lasting_faults_end_it_in_one_line_and_leave_nothing_behind(
    server, manifest, tmp_path, fault, reason
):
    server.faults["2.png"] = [fault] * 9
    message = rf"{server.base_url}2\.png cannot be fetched \(.*{reason}.*\); check the connection"
    with pytest.raises(UsageError, match=message) as caught:
        fetched(server, manifest, tmp_path)
    assert "\n" not in str(caught.value)
    assert server.requests["2.png"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["1.png"]


def test_a_missing_page_is_not_tried_again(server, manifest, tmp_path):
    del server.files["1.png"]
    with pytest.raises(UsageError, match=r"1\.png cannot be fetched \(HTTP status 404"):
        fetched(server, manifest, tmp_path)
    assert server.requests["1.png"] == 1


def test_another_image_is_refused(server, manifest, tmp_path):
    server.files["1.png"] = server.files["2.png"]
    with pytest.raises(UsageError, match=r"not the expected image.*nothing was written"):
        fetched(server, manifest, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_login_page_is_refused(server, manifest, tmp_path):
    server.files["1.png"] = b"<html>Welcome to our network</html>"
    with pytest.raises(UsageError, match="is not an image that can be read"):
        fetched(server, manifest, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_connection(server, manifest, tmp_path):
    server.server_close()
    with pytest.raises(UsageError, match=r"cannot be fetched \(.*Connection refused"):
        fetched(server, manifest, tmp_path / "kodak")
    assert list(tmp_path.iterdir()) == []  # an empty folder would count as an incomplete dataset


def test_a_folder_that_cannot_be_made(server, manifest, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to .*file/sub"):
        fetched(server, manifest, tmp_path / "file" / "sub")


def test_no_more_is_read_than_the_image_can_have(server, manifest, tmp_path):
    server.faults["1.png"] = ["endless"] * 3
    most = manifest["1.png"].largest_file
    with pytest.raises(UsageError, match=f"is larger than {most:,} bytes"):
        fetched(server, manifest, tmp_path)
    # What the system's buffers of three connections take is sent as well.
    assert server.sent < 3 * (most + (1 << 24))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["drips", "drips headers"])
def test_a_server_that_sends_byte_by_byte_has_so_much_time_in_all(
    server, manifest, tmp_path, fault
):
    server.faults["1.png"] = [fault] * 3
    with pytest.raises(UsageError, match=r"cannot be fetched \(it is incomplete after 0\.5 s\)"):
        fetched(server, manifest, tmp_path, total_s=0.5)
    assert server.requests["1.png"] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["ftp://127.0.0.1/", "file:///etc/passwd"])
def test_a_server_that_sends_us_elsewhere_than_the_web_is_not_followed(
    server, manifest, tmp_path, scheme
):
    server.faults["1.png"] = [f"to {scheme}1.png"] * 3
    with pytest.raises(UsageError, match=r"cannot be fetched \(.*(unknown url type: ftp|302)"):
        fetched(server, manifest, tmp_path)


def test_a_server_that_sends_us_elsewhere_on_the_web_is_followed(server, manifest, tmp_path):
    server.faults["1.png"] = [f"to {server.base_url}1.png"]
    assert fetched(server, manifest, tmp_path)[0].startswith("1.png: fetched")


def test_a_status_is_shown_without_what_terminals_obey(server, manifest, tmp_path):
    server.faults["1.png"] = ["dressed up"]
    with pytest.raises(UsageError, match=r"\(HTTP status 404 Gone\)") as caught:
        fetched(server, manifest, tmp_path)
    assert str(caught.value).isprintable()


def test_an_image_of_another_size_is_not_decoded(server, manifest, tmp_path, monkeypatch):
    """A PNG of some bytes may declare gigabytes of samples."""
    wide = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(wide, "PNG")
    server.files["1.png"] = wide.getvalue()
    monkeypatch.setattr("rdbench.images.fetch.decode_image", None)
    with pytest.raises(UsageError, match="header gives 30000x30000 pixels instead of 20x30"):
        fetched(server, manifest, tmp_path)


def test_only_web_addresses_are_opened(manifest, tmp_path):
    with pytest.raises(UsageError, match="is not a web address"):
        fetch_files(manifest, f"file://{tmp_path}/", tmp_path, report=print)


@pytest.mark.parametrize("into_cache", [True, False])
def test_the_command(server, manifest, nowhere, tmp_path, monkeypatch, into_cache):
    from typer.testing import CliRunner

    from rdbench.cli.datasets import app

    kodak = known.KnownDataset("kodak", "kodak", "", "", base_url=server.base_url)
    monkeypatch.setattr(known, "_manifest", lambda name: manifest)
    monkeypatch.setitem(known.KNOWN, "kodak", kodak)
    root = known.cache_root() if into_cache else nowhere / "data"
    result = CliRunner().invoke(app, ["fetch", "kodak", *([] if into_cache else ["--to", "data"])])
    assert result.exit_code == 0, result.output
    assert f"kodak is in {root}/kodak" in result.output
    assert (f"set RDBENCH_DATA={root}" in result.output) is not into_cache
    assert known.presence(kodak, root) == known.Presence(root / "kodak", ())


def test_datasets_that_cannot_be_fetched_say_where_they_come_from(nowhere):
    with pytest.raises(UsageError, match=r"cannot be fetched: it comes from https://www2\.eecs"):
        fetch("bsds300-test", report=print)
    with pytest.raises(UsageError, match="scikit-image, which contains it"):
        fetch("photos", report=print)
    with pytest.raises(UsageError, match="unknown dataset 'kodk'"):
        fetch("kodk", report=print)
