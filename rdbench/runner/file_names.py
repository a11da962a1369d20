"""Name patterns for files of another program, which give image and point."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from rdbench.errors import UsageError
from rdbench.images import ImageRef
from rdbench.runner import kept
from rdbench.schema import NUMBER_IN_NAME

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_PLACES: Final = ("image", "point", "part")
Taken = Callable[[Path], bool]


@dataclass(frozen=True)
class NamePattern:
    """The name of a file below its folder, such as ``rec_{image}_q{point}`` or
    ``q{point}/{image}``: everything outside braces is literal. ``{image}`` is the name of an
    original, with or without its suffix, or the name under which a run keeps it; ``{point}`` is a
    complete number; ``{part}`` is the number of a part of a stream. The suffix may be left out;
    otherwise it is literal, too. Raises :class:`UsageError` for another form.
    """

    text: str
    what: str
    """The setting that it is the value of."""

    def __post_init__(self) -> None:
        places = _PLACE.findall(self.text)
        allowed = _PLACES if self.what == "stream_name" else _PLACES[:2]
        if places.count("image") != 1 or len(set(places)) < len(places) or {*places} - {*allowed}:
            listed = ", ".join(f"{{{place}}}" for place in allowed[1:])
            raise UsageError(
                f"`{self.what}` {self.text!r} must have {{image}} once, and may have {listed}, "
                f"as in '{{image}}_q{{point}}'"
            )

    @property
    def tells_points(self) -> bool:
        return "{point}" in self.text

    @property
    def _suffix(self) -> str:
        """The suffix that it ends with, empty where that is open."""
        return PurePosixPath(f"x{self.text.rpartition('}')[2]}").suffix

    def of_streams(self) -> NamePattern:
        """The same for streams, whose suffix is another one."""
        return NamePattern(self.text.removesuffix(self._suffix), "stream_name")

    def found(
        self, originals: Sequence[ImageRef], folder: Path, taken: Taken
    ) -> dict[float, dict[str, list[Path]]]:
        """By point (0 where the pattern has none) and original: the files that are called so, parts
        in order. Of files with an open suffix those that ``taken`` takes.

        Raises :class:`UsageError` for a file that may be of two originals or points.
        """
        found: defaultdict[float, defaultdict[str, list[tuple[int, Path]]]]
        found = defaultdict(lambda: defaultdict(list))
        forms = [(ref.name, names, self._form(ref, names)) for ref, names in _named(originals)]
        for path, name in below(folder):
            if not self._suffix:
                if not taken(path):
                    continue
                name = without_suffix(name)
            matches = {
                (owner, float(match["point"]) if self.tells_points else 0.0): match
                for owner, names, form in forms
                if any(known in name for known in names) and (match := form.fullmatch(name))
            }
            if len(matches) > 1:
                (one, first), (other, second) = sorted(matches)[:2]
                raise UsageError(
                    f"{str(path)!r} could belong to {one!r} at {first:g} or to {other!r} at "
                    f"{second:g} by `{self.what}` {self.text!r}; rename it"
                )
            for (owner, point), match in matches.items():
                part = int(match["part"]) if "{part}" in self.text else 0
                found[point][owner].append((part, path))
        return {
            point: {owner: [path for _, path in sorted(files)] for owner, files in by_owner.items()}
            for point, by_owner in found.items()
        }

    def _form(self, ref: ImageRef, names: Sequence[str]) -> re.Pattern[str]:
        """What fits the names of one original's files."""
        inner = ref.name.rpartition("/")[0]
        image = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        forms = {
            "image": f"(?:{image})",
            "point": f"(?P<point>{NUMBER_IN_NAME})",
            "part": r"(?P<part>\d+)",
        }
        steps = []
        for step in self.text.split("/"):
            literal = _PLACE.split(step)
            form = "".join(
                forms[part] if place % 2 else re.escape(part) for place, part in enumerate(literal)
            )
            steps.append(f"{re.escape(inner)}/{form}" if inner and "{image}" in step else form)
        return re.compile("/".join(steps), re.DOTALL)


def suggestion(originals: Sequence[ImageRef], folder: Path, taken: Taken) -> str:
    """What finds files that are called otherwise, as the end of a message; empty where none bears
    an original's name."""
    for path, name in below(folder):
        if not taken(path):
            continue
        stem = without_suffix(name)
        known = [(len(one), one) for _, names in _named(originals) for one in names if one in stem]
        if not known:
            continue
        before, _, after = stem.partition(max(known)[1])
        numbers = [*re.finditer(NUMBER_IN_NAME, after)] or [*re.finditer(NUMBER_IN_NAME, before)]
        if len(numbers) == 1:
            (number,) = numbers
            text = f"{number.string[: number.start()]}{{point}}{number.string[number.end() :]}"
            before, after = (before, text) if number.string == after else (text, after)
        return f"; files named like {path.name!r} are found by `name='{before}{{image}}{after}'`"
    return ""


def below(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files below a folder, but for hidden ones, with their names from there, as the names of a
    dataset's images are written."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inner.parts):
            yield path, as_text(inner.as_posix())


def as_text(name: str) -> str:
    """A file name as the names of a dataset's images are written."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def without_suffix(name: str) -> str:
    """A file's name without its suffix; digits behind a dot are none."""
    suffix = PurePosixPath(name).suffix
    return name if suffix[1:].isdigit() else name.removesuffix(suffix)


def _named(originals: Sequence[ImageRef]) -> Iterator[tuple[ImageRef, list[str]]]:
    """Each original with the names that its files may bear, without folders: that of the dataset,
    its own with and, where no other original in its folder has it, without suffix, and that in a
    run directory."""
    stems = Counter(_stem(ref) for ref in originals)
    for ref in originals:
        names = [ref.name.rpartition("/")[2], as_text(ref.path.name), kept.image_slug(ref)]
        if stems[_stem(ref)] == 1:
            names.append(_stem(ref)[1])
        yield ref, list(dict.fromkeys(names))


def _stem(ref: ImageRef) -> tuple[str, str]:
    """The folder of an original in its dataset, and its file's name without suffix."""
    return ref.name.rpartition("/")[0], as_text(ref.path.stem)
