"""The table of codecs. Listing it imports no backend.

A codec is found by its name in the table below, among the program codecs in ``programs/`` and in
the user's folders, or through the entry-point group ``rdbench.codecs`` of an installed package,
which offers a class or the path of a TOML file; or as ``path/to/file.py:Class`` or
``path/to/file.toml``.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from rdbench import environments, files, plugins
from rdbench.codecs import handed
from rdbench.codecs.base import Codec, CodecEntry
from rdbench.errors import MissingBackendError, UsageError, unknown
from rdbench.schema import one_line

ENTRY_POINT_GROUP: Final = "rdbench.codecs"
FOLDERS_VARIABLE: Final = "RDBENCH_CODECS"
"""The variable that lists folders of program codecs, like PATH."""
PROGRAMS: Final = Path(__file__).parent / "programs"
FORM: Final = Path(__file__).parent / "form.toml"
"""The file of a program codec with every key, explained."""

_PILLOW: Final = "pip install pillow"
_IMAGECODECS: Final = "pip install imagecodecs"
_PILLOW_HEIF: Final = "pip install pillow-heif"
_LEARNED: Final = "pip install 'rdbench[learned]'"
_CONSTRICTION: Final = "pip install constriction"

_BUILT_IN: Final = (
    CodecEntry("jpeg", "rdbench.codecs.jpeg:Jpeg", "JPEG, libjpeg-turbo in Pillow", _PILLOW),
    CodecEntry(
        "jpegli",
        "rdbench.codecs.jpegli:Jpegli",
        "JPEG, jpegli in pyjpegli",
        "pip install 'rdbench[jpegli]'",
    ),
    CodecEntry(
        "jpeg2000",
        "rdbench.codecs.jpeg2000:Jpeg2000",
        "JPEG 2000, OpenJPEG by glymur",
        "pip install glymur pillow",
    ),
    CodecEntry(
        "webp", "rdbench.codecs.webp:Webp", "WebP lossy, libwebp in imagecodecs", _IMAGECODECS
    ),
    CodecEntry("avif", "rdbench.codecs.avif:Avif", "AV1 still image, libaom in Pillow", _PILLOW),
    CodecEntry(
        "hevc", "rdbench.codecs.hevc:Hevc", "HEVC still image, x265 in pillow-heif", _PILLOW_HEIF
    ),
    CodecEntry(
        "jpegxl", "rdbench.codecs.jpegxl:JpegXl", "JPEG XL, libjxl in imagecodecs", _IMAGECODECS
    ),
    CodecEntry(
        "dct-block",
        "rdbench.codecs.blocks.codec:DctBlock",
        "8×8 DCT, uniform quantizer, adaptive range coder, for teaching",
        _CONSTRICTION,
    ),
    CodecEntry(
        "klt-block",
        "rdbench.codecs.blocks.codec:KltBlock",
        "8×8 KLT of the image itself, otherwise like dct-block",
        _CONSTRICTION,
    ),
    CodecEntry(
        "dumas2018-case1",
        "rdbench.codecs.papers:Dumas2018Case1",
        "Dumas et al. 2018, a network for each rate",
        _LEARNED,
    ),
    CodecEntry(
        "dumas2018-case2",
        "rdbench.codecs.papers:Dumas2018Case2",
        "Dumas et al. 2018, one network with learned quantization steps",
        _LEARNED,
    ),
    CodecEntry(
        "dumas2018-case3",
        "rdbench.codecs.papers:Dumas2018Case3",
        "Dumas et al. 2018, one network whose step is varied",
        _LEARNED,
    ),
    CodecEntry(
        "theis2017",
        "rdbench.codecs.papers:Theis2017",
        "Theis et al. 2017, compressive autoencoder",
        _LEARNED,
    ),
    CodecEntry(
        "bmshj2018-factorized",
        "rdbench.codecs.papers:Bmshj2018Factorized",
        "Ballé et al. 2018, factorized prior",
        _LEARNED,
    ),
    CodecEntry(
        "balle2017",
        "rdbench.codecs.papers:Bmshj2018Factorized",
        "former name of bmshj2018-factorized",
        _LEARNED,
    ),
    CodecEntry(
        "balle2018",
        "rdbench.codecs.papers:Balle2018",
        "Ballé et al. 2018, scale hyperprior",
        _LEARNED,
    ),
    CodecEntry(
        "lee2019",
        "rdbench.codecs.papers:Lee2019",
        "Lee et al. 2019, context-adaptive entropy model",
        _LEARNED,
    ),
    CodecEntry(
        "trained",
        "rdbench.codecs.papers:Trained",
        "weights of any architecture, including your own",
        _LEARNED,
    ),
    CodecEntry(
        "zoo",
        "rdbench.codecs.zoo:Zoo",
        "CompressAI's image architectures, with weights from its cache or your own",
        _LEARNED,
    ),
    CodecEntry("png", "rdbench.codecs.png:Png", "PNG, the lossless reference, Pillow", _PILLOW),
)


def entries() -> dict[str, CodecEntry]:
    """All codecs by name: built in, in the user's folders, or offered by installed packages. A name
    that is offered twice is marked, and :func:`load` refuses it."""
    found = {entry.name: entry for entry in (*_BUILT_IN, *_programs(PROGRAMS))}
    for offered, summary in _offered():
        if offered.name in found:
            summary = f"{found[offered.name].summary}; refused: also {summary}"
        found[offered.name] = dataclasses.replace(offered, summary=summary)
    return found


def _offered() -> Iterator[tuple[CodecEntry, str]]:
    """Codecs of the user's folders and of installed packages, with their summaries."""
    for folder in folders():
        for entry in _programs(folder):
            yield entry, f"{entry.summary} (in {folder})".lstrip()
    for offer in plugins.offers(ENTRY_POINT_GROUP):
        yield CodecEntry(offer.name, offer.target), f"from the package {offer.package}"


def folders() -> tuple[Path, ...]:
    """The user's folders of program codecs: those in ``$RDBENCH_CODECS``, and ``rdbench/codecs`` in
    their configuration folder (``$XDG_CONFIG_HOME``, or ``~/.config``)."""
    named = filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep))
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = [*(Path(name).expanduser() for name in named), configuration / "rdbench" / "codecs"]
    return tuple(dict.fromkeys(place.absolute() for place in places))


def _programs(folder: Path) -> tuple[CodecEntry, ...]:
    """The program codecs in a folder."""
    return tuple(_program(path, *files.stamp(path)) for path in sorted(folder.glob("*.toml")))


@functools.cache
def _program(path: Path, _changed_ns: int, _size_bytes: int) -> CodecEntry:
    """A program codec by its name, or by that of its file where it cannot be read: loading it says
    why."""
    try:
        table = files.parsed(tomllib.loads, files.read_file(path).decode("utf-8"))
    except (ValueError, OSError):
        table = {}
    name, summary, install = (str(table.get(key, "")) for key in ("name", "summary", "install"))
    return CodecEntry(name or path.stem, str(path), summary, install)


def load(name: str) -> type[Codec]:
    """The class of the codec ``name``, of ``path/to/file.py:Class``, of a program codec
    ``path/to/file.toml``, of one in another environment (``path/to/file.py:Class,python=...``), or
    one that was given as a class (:mod:`rdbench.codecs.handed`). Raises :class:`UsageError` for an
    unknown name (with similar ones), a name that is offered twice, or a file without such a class,
    and :class:`MissingBackendError`, which says what to install.
    """
    if codec := handed.find(name):
        return _complete(codec, name)
    if environments.split(name):
        from rdbench.codecs import foreign

        return foreign.load(name)
    if file := plugins.split(name):
        return _checked(plugins.module(file[0], "codec file"), file[1], name)
    if name.endswith(".toml"):
        return _program_codec(Path(name))
    entry = _entry(name)
    if entry.target.endswith(".toml"):
        return _program_codec(Path(entry.target))
    module_name, _, class_name = entry.target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        install = entry.install or "reinstall the package that offers it"
        raise MissingBackendError(
            f"codec {name!r} cannot be loaded ({one_line(str(error), 200)}); {install}"
        ) from error
    return _checked(module, class_name, name)


def usable() -> list[str]:
    """The codecs that can be used here with their default options. Their backends are imported, but
    nothing is coded; :mod:`rdbench.runner.doctor` does that."""
    found = []
    for name in entries():
        try:
            codec = load(name)
            codec.require(codec.resolve_options({}))
        except UsageError:
            continue
        found.append(name)
    return found


def _entry(name: str) -> CodecEntry:
    known = entries()
    if name not in known:
        hint = "a codec of your own is named FILE.py:Class or FILE.toml"
        raise unknown("codec", name, known, hint=hint)
    own = ["rdbench" for entry in (*_BUILT_IN, *_programs(PROGRAMS)) if entry.name == name]
    for folder in folders():
        own += [entry.target for entry in _programs(folder) if entry.name == name]
    plugins.refuse_twins("codec", ENTRY_POINT_GROUP, name, own)
    return known[name]


def origin(name: str) -> str:
    """The origin of the codec of this name: the file (with the class, for Python), "rdbench", or
    the package that offers the name."""
    if handed.find(name):
        return name
    if environments.split(name) or plugins.split(name) or name.endswith(".toml"):
        return place(name)
    packages = [o.package for o in plugins.offers(ENTRY_POINT_GROUP) if o.name == name]
    return packages[0] if packages else _of_user(name) or "rdbench"


def place(name: str) -> str:
    """What :func:`load` takes for ``name``, from any working directory."""
    if found := environments.split(name):
        codec, environment = found
        environment = dataclasses.replace(environment, value=environment.place())
        here = place(codec) if plugins.split(codec) else codec
        return environments.joined(here, environment)
    if file := plugins.split(name):
        return f"{file[0].resolve()}:{file[1]}"
    return str(Path(name).resolve()) if name.endswith(".toml") else _of_user(name) or name


def _of_user(name: str) -> str:
    """The file of a codec in one of the user's folders; "" for another one."""
    entries = (entry for folder in folders() for entry in _programs(folder))
    return next((entry.target for entry in entries if entry.name == name), "")


def source(target: str) -> dict[str, str]:
    """The SHA-256 of the files that make a codec which is not rdbench's or a package's, by their
    names as seen from its own: of a file of Python and what it imports from beside it, as they were
    when this process imported them; of a class that was given as
    one; of one in another environment. Raises :class:`OSError`."""
    if environments.split(target):
        from rdbench.codecs import foreign

        return foreign.source(target)
    file = plugins.split(target)
    return plugins.imported(file[0]) if file else handed.source(target)


def portable(targets: Iterable[str]) -> dict[str, bytes]:
    """What another process needs to :func:`load` those ``targets`` that it cannot load, or not
    quickly, by itself; for :func:`adopt` there. Raises :class:`UsageError` as :mod:`.handed`."""
    targets = list(targets)
    found = handed.pickled(targets)
    if abroad := [target for target in targets if environments.split(target)]:
        from rdbench.codecs import foreign

        found |= foreign.told(abroad)
    return found


def adopt(classes: Mapping[str, bytes]) -> None:
    """Adopt what another process made with :func:`portable`."""
    for target, data in classes.items():
        if environments.split(target):
            from rdbench.codecs import foreign

            foreign.adopt(target, data)
        else:
            handed.adopt({target: data})


def load_file(path: Path) -> type[Codec]:
    """The class of the user's program codec, whose name must differ from that of every other
    codec."""
    codec = _program_codec(path)
    if codec.name in entries() and _of_user(codec.name) != str(path.absolute()):
        raise UsageError(
            f"program codec {str(path)!r}, key 'name': there is a codec {codec.name!r}; choose "
            "another name"
        )
    return codec


def _program_codec(path: Path) -> type[Codec]:
    from rdbench.codecs import program

    return program.load(path)


def _checked(module: ModuleType, class_name: str, name: str) -> type[Codec]:
    found = plugins.pick(module, class_name, "codec class", _is_codec)
    if isinstance(found, os.PathLike):
        return _program_codec(Path(found))
    if not (isinstance(found, type) and issubclass(found, Codec)):
        raise UsageError(f"codec {name!r} is not a subclass of rdbench.Codec")
    return _complete(found, name)


def _complete(found: type[Codec], name: str) -> type[Codec]:
    missing = [field for field in ("name", "parameter", "ladder") if not hasattr(found, field)]
    missing += sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise UsageError(f"codec {name!r} lacks {', '.join(missing)}")
    return found


def _is_codec(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Codec) and value is not Codec
