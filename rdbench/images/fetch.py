"""Fetching the images of a known dataset, one file at a time."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from rdbench.errors import ImageError, UsageError
from rdbench.images.known import cache_root, known
from rdbench.images.loading import decode_image, read_image
from rdbench.images.samples import pixel_sha256
from rdbench.schema import one_line


def fetch(name: str, root: Path | None = None, *, report: Callable[[str], None]) -> Path:
    """Fetch a known dataset into its folder under ``root`` (default: the user's cache folder)
    and return that folder.

    Raises :class:`UsageError` for an unknown dataset, for one that cannot be fetched, saying
    where it comes from, and as :func:`fetch_files`.
    """
    dataset = known(name)
    if not dataset.base_url:
        raise UsageError(f"dataset {name!r} cannot be fetched: {dataset.remedy}")
    folder = (root or cache_root()).absolute() / dataset.folder
    fetch_files(dataset.manifest, dataset.base_url, folder, report=report)
    return folder


def fetch_files(
    manifest: Mapping[str, str],
    base_url: str,
    folder: Path,
    *,
    attempts: int = 3,
    wait_s: float = 1.0,
    timeout_s: float = 30.0,
    report: Callable[[str], None],
) -> None:
    """Download ``base_url`` + name for each name of ``manifest`` into ``folder``.

    ``manifest`` gives the pixel SHA-256 of each image. A file that is there with the right pixels
    is not downloaded again, any other file of that name is replaced. A file appears under its
    name only when it is whole and right. ``report`` gets one line per file. Raises
    :class:`UsageError` at the first file that cannot be had or is not the expected image.
    """
    try:
        for name, expected in manifest.items():
            target = folder / name
            if _is_right(target, expected):
                report(f"{name}: there already")
                continue
            data = _download(base_url + name, expected, attempts, wait_s, timeout_s)
            _write(target, data)
            report(f"{name}: fetched, {len(data):,} bytes")
    except OSError as error:
        raise UsageError(f"cannot write to {str(folder)!r}: {error.strerror or error}") from None


def _is_right(path: Path, expected: str) -> bool:
    try:
        return pixel_sha256(read_image(path)) == expected
    except ImageError:
        return False


def _download(url: str, expected: str, attempts: int, wait_s: float, timeout_s: float) -> bytes:
    reason = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait_s * attempt)
        try:
            data = _get(url, timeout_s)
            digest = pixel_sha256(decode_image(data, url))
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code} {error.reason}"
            error.close()
            if error.code < 500:
                break
        except (OSError, http.client.HTTPException, ImageError) as error:
            reason = one_line(str(getattr(error, "reason", error)) or type(error).__name__, 200)
        else:
            if digest != expected:
                raise UsageError(
                    f"{url} is not the image that it should be: its pixel SHA-256 is {digest} "
                    f"instead of {expected}; nothing was written, get the dataset elsewhere"
                )
            return data
    raise UsageError(
        f"{url} cannot be fetched ({reason}); check the connection and run this again, which goes "
        "on with what is missing"
    )


def _get(url: str, timeout_s: float) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise UsageError(f"{url!r} is not a web address")
    request = urllib.request.Request(url, headers={"User-Agent": "rdbench"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
        data: bytes = response.read()
    return data


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
