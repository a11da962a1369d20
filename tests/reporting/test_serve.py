"""``rdbench serve``, asked over a real connection."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import rdbench
from rdbench.errors import UsageError
from rdbench.reporting.serve import serve
from tests.curves.encoded import as_csv, encoded_rows


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
            "codecs": [{"codec": "jpeg", "points": [1, 2, 3, 4, 5]}],
            "repeat": 2,
        },
    }
    (under_way / "run.json").write_text(json.dumps(manifest))
    rows = [row for row in encoded_rows(4) if row.codec == "jpeg"]
    (under_way / "measurements.csv").write_text(as_csv(rows[:7]))

    def told():
        runs = json.loads(asked(port, "/progress.json")[1])
        return next(run for run in runs if run["path"] == "under way")

    assert {key: told()[key] for key in ("done", "asked", "failed", "running")} == {
        "done": 7,
        "asked": 40,
        "failed": 0,
        "running": True,
    }
    (under_way / "measurements.csv").write_text(as_csv(rows[:9]))
    assert told()["done"] == 9
    os.utime(under_way / "measurements.csv", (1, 1))
    assert told()["running"] is False


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


def test_a_taken_port_and_a_missing_folder_are_said(port, results, tmp_path):
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: .*; choose another"):
        serve(results, port=port)
    with pytest.raises(UsageError, match="is not a folder"):
        serve(tmp_path / "nowhere")
