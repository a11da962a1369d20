"""``rdbench serve``, asked over a real connection."""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import rdbench
from rdbench.errors import UsageError
from rdbench.files import lock
from rdbench.reporting.serve import serve
from tests.curves.encoded import as_csv, encoded_rows

WAITING = '''
import os
import time
from pathlib import Path

import rdbench


class Waiting(rdbench.Codec):
    """Codes one of the images only once there is a file."""

    name, parameter, ladder, lossless = "waiting", "level", (1,), True

    def encode(self, image):
        while len(image) == 427 and not Path(os.environ["GATE"]).exists():
            time.sleep(0.01)
        return bytes(str(image.shape), "ascii") + b";" + image.tobytes()

    def decode(self, data):
        import numpy as np

        shape, _, pixels = data.partition(b";")
        return np.frombuffer(pixels, np.uint8).reshape(eval(shape)).copy()
'''


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "results"
    folder.mkdir()
    secret = folder.parent / "secret.txt"
    secret.write_text("secret")
    run = folder / "a run"
    rdbench.run(codecs="jpeg:points=20/50", datasets="photos", metrics=["psnr_db"], out=run)
    rdbench.report(run)
    (run / "link.txt").symlink_to(secret)
    (run / "notes.py").write_text("print()")
    (run / ".hidden.txt").write_text("hidden")
    (folder / "beside.txt").write_text("beside")
    (folder / "out").symlink_to(folder.parent)
    broken = folder / "<b>broken"
    broken.mkdir()
    (broken / "measurements.csv").write_text("nonsense\n")
    (broken / "run.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def port(results) -> Iterator[int]:
    with serve(results, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def asked(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.headers)


def raw(port: int, path: str) -> int:
    """The status of a path that no client would send like this."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


def test_the_index_names_runs_and_their_reports(port):
    status, body, headers = asked(port, "/")
    page = body.decode()
    assert status == 200
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert 'href="/a%20run/report.html"' in page
    assert "10 of 10" in page
    assert "<b>broken" not in page
    assert "&lt;b&gt;broken" in page
    assert "is not JSON" in page


def test_reports_and_tables_are_given(port, results):
    status, body, headers = asked(port, "/a%20run/report.html")
    assert (status, body) == (200, (results / "a run" / "report.html").read_bytes())
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    status, body, _ = asked(port, "/a%20run/measurements.csv")
    assert (status, body) == (200, (results / "a run" / "measurements.csv").read_bytes())
    status, body, headers = asked(port, "/a%20run/report.html", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == (results / "a run" / "report.html").stat().st_size


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/a%20run/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/a%20run/%2e%2e/%2e%2e/secret.txt",
        "/a%20run/..%2f..%2fsecret.txt",
        "/a%20run/%5c..%5csecret.txt",
        "//secret.txt",
        "/a%20run/link.txt",
        "/out/secret.txt",
        "/beside.txt",
        "/a%20run/notes.py",
        "/a%20run/.hidden.txt",
        "/a%20run/.lock",
        "/a%20run/",
        "/a%20run/nothing.html",
        "/a%20run/%00.html",
        "/a%20run/%ff.html",
        "/a%20run/" + "x" * 5000 + ".html",
    ],
)
def test_what_is_outside_of_runs_is_not_given(port, path):
    assert raw(port, path) == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_nothing_can_be_done_but_to_read(port, method):
    assert asked(port, "/", method)[0] == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_host_is_not_answered(port, host):
    assert asked(port, "/", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:9"])
def test_this_machine_is_answered(port, host):
    assert asked(port, "/", Host=host)[0] == 200


def test_an_address_that_others_reach_is_answered_under_any_name(results):
    with serve(results, host="0.0.0.0", port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert asked(server.server_port, "/", Host="measurements.example")[0] == 200
        server.shutdown()
        thread.join()


def test_progress_is_that_of_the_table(port, results):
    under_way = results / "under way"
    under_way.mkdir()
    manifest = {
        "schema_version": 3,
        "experiment": {
            "datasets": {"photos": [{"image": str(n)} for n in range(4)]},
            "codecs": [{"codec": "jpeg", "label": "jpeg", "points": [1, 2, 3, 4, 5]}],
            "repeat": 2,
        },
    }
    (under_way / "run.json").write_text(json.dumps(manifest))
    rows = [row for row in encoded_rows(4) if row.codec == "jpeg"]
    (under_way / "measurements.csv").write_text(as_csv(rows[:7]))

    def told():
        runs = json.loads(asked(port, "/progress.json")[1])
        return next(run for run in runs if run["path"] == "under way")

    held = lock(under_way, "busy")
    try:
        assert {key: told()[key] for key in ("done", "asked", "failed", "running")} == {
            "done": 7,
            "asked": 40,
            "failed": 0,
            "running": True,
        }
        (under_way / "measurements.csv").write_text(as_csv(rows[:9]))
        assert told()["done"] == 9
        # It has measured nothing for long, and is under way all the same.
        os.utime(under_way / "measurements.csv", (1, 1))
        assert told()["running"] is True
    finally:
        os.close(held)
    (under_way / "measurements.csv").write_text(as_csv(rows[:9]))
    assert told()["running"] is False  # its process is gone


def test_where_the_system_tells_no_locks_what_was_written_lately_is_under_way(
    port, results, monkeypatch
):
    monkeypatch.setattr("rdbench.reporting.serve.is_locked", lambda folder: None)
    table = results / "a run" / "measurements.csv"
    whole = table.read_text()
    table.write_text("".join(whole.splitlines(keepends=True)[:-2]))

    def running():
        runs = json.loads(asked(port, "/progress.json")[1])
        return next(run["running"] for run in runs if run["path"] == "a run")

    assert running() is True
    os.utime(table, (1, 1))
    assert running() is False
    table.write_text(whole)


def test_a_run_is_under_way_while_it_measures(port, results, tmp_path):
    codec = tmp_path / "slow.py"
    codec.write_text(WAITING)
    gate = tmp_path / "gate"
    out = results / "slow"
    command = ["run", "--codec", f"{codec}:Waiting", "--dataset", "photos", "--metrics", "psnr_db"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rdbench", *command, "--out", str(out), "--jobs", "1"],
        env={**os.environ, "GATE": str(gate)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:

        def told():
            runs = json.loads(asked(port, "/progress.json")[1])
            return next((run for run in runs if run["path"] == "slow"), {"done": 0})

        until(lambda: told()["done"] == 4)
        assert (told()["asked"], told()["running"]) == (5, True)
        gate.touch()
        assert process.wait(timeout=120) == 0
        assert (told()["done"], told()["running"]) == (5, False)
    finally:
        process.kill()
        process.wait()


def test_pages_of_several_runs_are_listed_with_their_pictures(port, results, tmp_path):
    rdbench.report([results / "a run"], images="coffee", out=results / "both.html")
    (results / "mine.html").write_text("<html>private</html>")
    page = asked(port, "/")[1].decode()
    assert 'href="/both.html"' in page
    assert "mine.html" not in page
    assert asked(port, "/both.html")[1] == (results / "both.html").read_bytes()
    picture = next((results / "both_files").rglob("*.webp")).relative_to(results).as_posix()
    assert asked(port, f"/{quote(picture)}")[0] == 200
    assert asked(port, "/mine.html")[0] == 404
    (results / "both.html").unlink()
    assert asked(port, f"/{quote(picture)}")[0] == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 375])
def test_the_index_is_readable(port, browser, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"http://127.0.0.1:{port}/")
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    found = axe.Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    assert said == []
    context.close()


def test_the_index_follows_a_run(port, results, browser):
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    row = page.locator("tr[data-path='a run'] .done")
    assert row.text_content() == "10 of 10"
    table = results / "a run" / "measurements.csv"
    whole = table.read_text()
    table.write_text("".join(whole.splitlines(keepends=True)[:-2]))
    page.wait_for_function(
        "document.querySelector(\"tr[data-path='a run'] .done\").textContent === '8 of 10'"
    )
    table.write_text(whole)
    page.close()


def test_browsers_may_leave_before_they_have_all(port, results, capfd):
    """A page of several MB, of which the first bytes are taken."""
    large = results / "a run" / "large.csv"
    large.write_bytes(bytes(1 << 24))
    threads = threading.active_count()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            request = f"GET /a%20run/large.csv HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            connection.sendall(request.encode())
            connection.recv(100)
            # Closed at once, with what is not read: the other side is told to go away.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert asked(port, "/")[0] == 200
    large.unlink()
    until(lambda: threading.active_count() <= threads)
    assert capfd.readouterr().err == ""


def test_a_taken_port_and_a_missing_folder_are_said(port, results, tmp_path):
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: .*; choose another"):
        serve(results, port=port)
    with pytest.raises(UsageError, match="is not a folder"):
        serve(tmp_path / "nowhere")
