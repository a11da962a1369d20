"""Datasets known by name: their files, and where to find them."""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdbench.errors import ImageError, UsageError, unknown
from rdbench.images.tags import Tags, read_tags


@dataclass(frozen=True)
class KnownImage:
    """Known facts about one image."""

    sha256: str
    """SHA-256 of the samples (:func:`rdbench.images.pixel_sha256`) in RGB or gray, in their
    original geometry"""
    width: int
    """in pixels"""
    height: int

    @property
    def largest_file(self) -> int:
        """The most bytes of a file of it: uncompressed samples and metadata."""
        return 3 * self.width * self.height + _METADATA_BYTES


_METADATA_BYTES: Final = 1 << 18


@dataclass(frozen=True)
class KnownDataset:
    """A dataset known by name; the names, pixel hashes and sizes of its images are in
    ``manifests/<name>.json``."""

    name: str
    folder: str
    """Folder under a data root, or within ``package``"""
    license: str
    source: str
    package: str = ""
    """Python package that contains the images, if any"""
    base_url: str = ""
    """Address of the single files, if they can be fetched"""
    trim: bool = False
    """Whether the geometry ``dumas2018`` drops the first row and column"""
    title: str = ""
    """Its name in titles of figures; :attr:`name` if empty"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def images(self) -> dict[str, KnownImage]:
        """Facts about each image, by file name. JPEG files were decoded by libjpeg-turbo; other
        decoders may differ in single samples."""
        return dict(_manifest(self.name))

    @property
    def manifest(self) -> dict[str, str]:
        """File names with the SHA-256 of the samples."""
        return {name: image.sha256 for name, image in self.images.items()}

    @property
    def tags(self) -> Tags:
        """The tags of its images that rdbench ships, ``manifests/<name>.tags.csv``: what they show.
        Most datasets have none."""
        file = importlib.resources.files("rdbench.images") / "manifests" / f"{self.name}.tags.csv"
        with importlib.resources.as_file(file) as path:
            return read_tags(path) if path.is_file() else {}

    @property
    def remedy(self) -> str:
        """How to get this dataset."""
        if self.package:
            return f"reinstall {self.package.replace('skimage', 'scikit-image')}, which contains it"
        if self.base_url:
            return (
                f"fetch it with `rdbench datasets fetch {self.name}`, or set RDBENCH_DATA to the "
                f"folder that holds {self.folder}/"
            )
        return (
            f"it comes from {self.source}; put its images into {self.folder}/ in a folder of "
            "your choice, and set RDBENCH_DATA to that folder"
        )


@functools.cache
def _manifest(name: str) -> dict[str, KnownImage]:
    file = importlib.resources.files("rdbench.images") / "manifests" / f"{name}.json"
    told: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return {image: KnownImage(**known) for image, known in told.items()}


_ALL: Final = (
    KnownDataset(
        "photos",
        folder="data",
        package="skimage",
        license="public domain, CC0; motorcycle_left: Middlebury 2014 stereo benchmark",
        source="five photographs in scikit-image",
    ),
    KnownDataset(
        "kodak",
        title="Kodak",
        folder="kodak",
        license="released by Kodak for unrestricted use",
        source="https://r0k.us/graphics/kodak/",
        base_url="https://r0k.us/graphics/kodak/kodak/",
    ),
    KnownDataset(
        "bsds300-test",
        title="BSDS300 test",
        folder="bsds300-test",
        license="non-commercial research and education",
        source="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
        trim=True,
    ),
    KnownDataset(
        "clic2025",
        title="CLIC 2025",
        folder="clic2025",
        license="Unsplash License",
        source="https://clic2025.compression.cc/ (six validation photographs)",
    ),
    KnownDataset(
        "cid22-train",
        title="CID22 train",
        folder="cid22/train",
        license="CC BY-SA 4.0",
        source="https://cloudinary.com/labs/cid22",
    ),
    KnownDataset(
        "cid22-val",
        title="CID22 val",
        folder="cid22/val",
        license="CC BY-SA 4.0",
        source="https://cloudinary.com/labs/cid22",
    ),
)

KNOWN: Final = {dataset.name: dataset for dataset in _ALL}


def known(name: str) -> KnownDataset:
    """The known dataset of that name; raises :class:`UsageError`, with similar names, for any
    other."""
    if name not in KNOWN:
        raise unknown("dataset", name, KNOWN)
    return KNOWN[name]


def cache_root() -> Path:
    """The data root that ``rdbench datasets fetch`` fills: in the user's cache folder."""
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG base directory specification has relative paths ignored.
        cache = given if given.is_absolute() else Path.home() / ".cache"
    return cache / "rdbench" / "datasets"


def places(dataset: KnownDataset, root: Path | None = None) -> list[Path]:
    """The folders in which ``dataset`` is looked for, in order."""
    if dataset.package:
        # A search for a top-level package does not import it.
        spec = importlib.util.find_spec(dataset.package)
        if spec is None or spec.origin is None:
            return []
        return [Path(spec.origin).parent / dataset.folder]
    given = root or (Path(text).expanduser() if (text := os.environ.get("RDBENCH_DATA")) else None)
    roots = [cache_root()] if given is None else [given, cache_root()]
    return [folder.absolute() / dataset.folder for folder in roots]


@dataclass(frozen=True)
class Presence:
    """The state of a known dataset: its folder (None: not found) and its missing files."""

    folder: Path | None
    missing: tuple[str, ...]


def presence(dataset: KnownDataset, root: Path | None = None) -> Presence:
    """The first of :func:`places` that exists, and which of the images it lacks."""
    files = dataset.manifest
    for folder in places(dataset, root):
        if _is_dir(folder):
            return Presence(folder, tuple(f for f in files if not (folder / f).is_file()))
    return Presence(None, tuple(files))


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def locate(name: str, root: Path | None = None) -> tuple[Path, list[Path]]:
    """Folder and image files of a known dataset.

    Raises :class:`UsageError` if it is unknown, not found (with the places and the remedy) or
    incomplete (with the missing files).
    """
    dataset = known(name)
    found = presence(dataset, root)
    if found.folder is None:
        looked = " or ".join(str(place) for place in places(dataset, root)) or dataset.package
        raise UsageError(f"dataset {name!r} was not found in {looked}; {dataset.remedy}")
    if found.missing:
        raise UsageError(
            f"dataset {name!r} in {str(found.folder)!r} is incomplete: "
            f"{len(found.missing)} of {len(dataset.manifest)} images are missing "
            f"({_shortened(found.missing)}); {dataset.remedy}"
        )
    return found.folder, [found.folder / file for file in dataset.manifest]


def _shortened(names: tuple[str, ...], limit: int = 5) -> str:
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def differences(name: str, root: Path | None = None) -> Iterator[tuple[str, str]]:
    """Each image of a known dataset with the problem of its pixels, ``""`` if there is none.

    Raises :class:`UsageError` as :func:`locate`.
    """
    from rdbench.images.loading import read_image
    from rdbench.images.samples import pixel_sha256

    manifest = known(name).manifest
    for path in locate(name, root)[1]:
        try:
            digest = pixel_sha256(read_image(path))
        except ImageError as error:
            yield path.name, str(error)
            continue
        expected = manifest[path.name]
        same = digest == expected
        yield path.name, "" if same else f"pixel SHA-256 is {digest} instead of {expected}"
