"""Fetching the images of a known dataset, one file at a time.

Servers are not trusted: only http and https are used, even after redirects; downloads are limited
in size and time; and a file is decoded only if its header gives the expected size.
"""

from __future__ import annotations

import http.client
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rdbench.errors import ImageError, UsageError
from rdbench.images.known import KnownImage, cache_root, known
from rdbench.images.loading import decode_image, image_size, read_image
from rdbench.images.samples import pixel_sha256
from rdbench.schema import one_line

_CHUNK: Final = 1 << 16
_WEB: Final = (
    urllib.request.ProxyHandler,
    urllib.request.UnknownHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
)
"""urllib's handlers for the web, without those for files and FTP."""


def fetch(name: str, root: Path | None = None, *, report: Callable[[str], None]) -> Path:
    """Fetch a known dataset into its folder under ``root`` (default: the user's cache folder)
    and return that folder.

    Raises :class:`UsageError` for an unknown dataset, for one that cannot be fetched (with its
    source), and as :func:`fetch_files`.
    """
    dataset = known(name)
    if not dataset.base_url:
        raise UsageError(f"dataset {name!r} cannot be fetched: {dataset.remedy}")
    folder = (root or cache_root()).absolute() / dataset.folder
    fetch_files(dataset.images, dataset.base_url, folder, report=report)
    return folder


def fetch_files(
    images: Mapping[str, KnownImage],
    base_url: str,
    folder: Path,
    *,
    attempts: int = 3,
    wait_s: float = 1.0,
    timeout_s: float = 30.0,
    total_s: float = 300.0,
    report: Callable[[str], None],
) -> None:
    """Download ``base_url`` + name for each name of ``images`` into ``folder``.

    A file with the right pixels is not downloaded again; any other file of that name is replaced. A
    file appears under its name only when it is complete and verified. If a server is silent for
    ``timeout_s``, it is asked again, up to ``attempts`` times; no file may take more than
    ``total_s`` in total. ``report`` gets one line per file. Raises :class:`UsageError` at the first
    file that cannot be downloaded or is not the expected image.
    """
    try:
        for name, expected in images.items():
            target = folder / name
            if _is_right(target, expected):
                report(f"{name}: already there")
                continue
            data = _download(base_url + name, expected, attempts, wait_s, timeout_s, total_s)
            _write(target, data)
            report(f"{name}: fetched, {len(data):,} bytes")
    except OSError as error:
        raise UsageError(f"cannot write to {str(folder)!r}: {error.strerror or error}") from None


def _is_right(path: Path, expected: KnownImage) -> bool:
    try:
        return pixel_sha256(read_image(path)) == expected.sha256
    except ImageError:
        return False


def _download(
    url: str,
    expected: KnownImage,
    attempts: int,
    wait_s: float,
    timeout_s: float,
    total_s: float,
) -> bytes:
    reason = ""
    end_s = time.monotonic() + total_s
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait_s * attempt)
        try:
            data = _get(url, expected.largest_file, timeout_s, end_s)
            digest = _digest(data, url, expected)
        except urllib.error.HTTPError as error:
            reason = one_line(f"HTTP status {error.code} {error.reason}", 200)
            error.close()
            if error.code < 500:
                break
        except _OutOfTimeError:
            reason = f"it is incomplete after {total_s:g} s"
            break
        except (OSError, http.client.HTTPException, ImageError) as error:
            reason = one_line(str(getattr(error, "reason", error)) or type(error).__name__, 200)
        else:
            if digest != expected.sha256:
                raise UsageError(
                    f"{url} is not the expected image: its pixel SHA-256 is {digest} instead of "
                    f"{expected.sha256}; nothing was written; get the dataset elsewhere"
                )
            return data
    raise UsageError(
        f"{url} cannot be fetched ({reason}); check the connection and run this again, which "
        "fetches only what is missing"
    )


def _digest(data: bytes, url: str, expected: KnownImage) -> str:
    """The SHA-256 of an image's samples. Raises :class:`ImageError` for anything but an image of
    the expected size, before it is decoded."""
    if (size := image_size(data, url)) != (expected.width, expected.height):
        raise ImageError(
            f"its header gives {size[0]}x{size[1]} pixels instead of "
            f"{expected.width}x{expected.height}"
        )
    return pixel_sha256(decode_image(data, url))


class _OutOfTimeError(Exception):
    """The time that one file may take is over."""


def _get(url: str, most_bytes: int, timeout_s: float, end_s: float) -> bytes:
    """What is at ``url``. Raises :class:`_OutOfTimeError` at ``end_s`` of the monotonic clock,
    and :class:`OSError` where it is more than ``most_bytes``."""
    if not url.startswith(("https://", "http://")):
        raise UsageError(f"{url!r} is not a web address")
    # A server may send byte by byte, headers too, where no timeout of a socket ends it.
    found: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()

    def read() -> None:
        try:
            found.put(_read(url, most_bytes, timeout_s, end_s))
        except BaseException as error:
            found.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        answer = found.get(timeout=max(0.0, end_s - time.monotonic()))
    except queue.Empty:
        raise _OutOfTimeError from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _read(url: str, most_bytes: int, timeout_s: float, end_s: float) -> bytes:
    opener = urllib.request.OpenerDirector()
    for handler in _WEB:
        opener.add_handler(handler())
    request = urllib.request.Request(url, headers={"User-Agent": "rdbench"})  # noqa: S310
    data = bytearray()
    with opener.open(request, timeout=timeout_s) as response:
        while chunk := response.read(min(_CHUNK, most_bytes + 1 - len(data))):
            data += chunk
            if len(data) > most_bytes:
                raise OSError(
                    f"it is larger than {most_bytes:,} bytes, the most that the image can take"
                )
            if time.monotonic() > end_s:
                raise _OutOfTimeError
    if response.length:  # of what the header has told, so much is missing
        raise http.client.IncompleteRead(bytes(data), response.length)
    return bytes(data)


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
