"""Program codecs: an encoder, a decoder, and a definition of how to call them. Each call runs in
its own temporary folder, with fixed file names. Programs get decoded pixels, never the user's file,
and no name from the user reaches a command line. Their output is read strictly: an exit code of 0
with no output or incomplete output is a failure.

Times of such a codec include starting the program, and writing and reading the files.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

import numpy as np

from rdbench import files, formats
from rdbench.codecs import program_file, size_header
from rdbench.codecs.base import Axis, Codec, Option
from rdbench.codecs.program_call import result
from rdbench.codecs.program_definition import (
    Command,
    Definition,
    FilledCommand,
    holds,
    plain_number,
)
from rdbench.commands import FOLDER, named_files
from rdbench.errors import (
    BitstreamError,
    CodecError,
    MissingBackendError,
    OutOfTimeError,
    UsageError,
)
from rdbench.formats import Geometry
from rdbench.pixel_limit import check_size
from rdbench.programs import Program, find, scratch
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.formats import Layout
    from rdbench.sample_format import Image

_MOST_RESOLUTIONS: Final = 6

PROGRAMS: Final[Mapping[str, Option]] = {
    "program": Option(
        "",
        "file of the encoder, and of the decoder if it is the same program; by default as found",
        path=True,
        silent=True,
    ),
    "decoder": Option("", "file of the decoder; by default as found", path=True, silent=True),
}
"""Options of all program codecs: other builds of their programs."""


def load(path: Path) -> type[ProgramCodec]:
    """The codec that the TOML file ``path`` defines; raises :class:`UsageError`."""
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"program codec {str(path)!r}: {error.strerror}") from None
    return _loaded(path.absolute(), status.st_mtime_ns, status.st_size)


@functools.cache
def _loaded(path: Path, _changed_ns: int, _size_bytes: int) -> type[ProgramCodec]:
    definition = program_file.read(path)
    form = definition.form
    axis = definition.axes[-1][1]
    fields = {
        "__doc__": form.summary,
        "definition": definition,
        "name": form.name,
        "parameter": axis.parameter,
        "ladder": axis.ladder,
        "point_range": (axis.low, axis.high),
        "integer_points": axis.integer,
        "option_table": {**definition.options, **PROGRAMS},
        "channels": frozenset(form.channels),
        "deterministic": form.deterministic,
        "lossless": form.lossless,
        "longest_side": form.longest_side,
        "stream_suffix": form.suffix,
    }
    return type(form.name, (ProgramCodec,), fields)


@functools.cache
def _with_programs(codec: type[ProgramCodec], program: str, decoder: str) -> type[ProgramCodec]:
    """The codec with other programs; "" stands for the one that it has."""
    definition = codec.definition
    *before, encode = definition.encode
    decode, *after = definition.decode
    decoder = decoder or (program if encode.program.name == decode.program.name else "")
    changed = dataclasses.replace(
        definition,
        encode=(*before, _with_program(codec.name, "program", encode, program)),
        decode=(_with_program(codec.name, "decoder", decode, decoder), *after),
    )
    if changed == definition:
        return codec
    return type(codec.name, (codec,), {"__doc__": codec.__doc__, "definition": changed})


def _with_program(codec: str, option: str, command: Command, file: str) -> Command:
    if not file:
        return command
    path = Path(file).expanduser().absolute()
    where = f"codec {codec!r}, option {option!r}: {file!r}"
    if not path.is_file():
        raise UsageError(f"{where} is not a file; name the file of {command.program.name!r}")
    if not os.access(path, os.X_OK):
        raise UsageError(f"{where} is not executable; try `chmod +x`")
    return dataclasses.replace(
        command, program=dataclasses.replace(command.program, candidates=(str(path),))
    )


class ProgramCodec(Codec):
    """A codec of two programs; :func:`load` makes one class for each definition."""

    definition: ClassVar[Definition]

    def __new__(cls, point: float, **options: Any) -> Self:  # noqa: ARG004
        return super().__new__(cls.configured(options))

    @classmethod
    def configured(cls, options: Mapping[str, Any]) -> type[Self]:
        program, decoder = (str(options.get(name) or "") for name in PROGRAMS)
        return cast("type[Self]", _with_programs(cls, program, decoder))

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        return cls.definition.axis(options)

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        resolved = super().resolve_options(options)
        for when, reason in cls.definition.refusals:
            if holds(when, resolved):
                raise UsageError(f"codec {cls.name!r}: {reason}")
        for name in cls._paths():
            if resolved[name]:
                path = Path(resolved[name]).expanduser().absolute()
                if not path.exists():
                    where = f"codec {cls.name!r}, option {name!r}: {resolved[name]!r}"
                    raise UsageError(f"{where} is not a file or folder")
                resolved[name] = str(path)
        return resolved

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:  # noqa: ARG003
        for commands in cls._commands().values():
            for command in commands:
                try:
                    find(command.program)
                except MissingBackendError as error:
                    raise MissingBackendError(f"codec {cls.name!r}: {error}") from error

    @classmethod
    def version(cls) -> str:
        """The programs with their versions, one where both are the same program."""
        return ", ".join(dict.fromkeys(program.title for program in cls._programs().values()))

    @classmethod
    def _programs(cls) -> dict[str, Program]:
        """The programs by name; of several with one name, the others are told by what they do."""
        programs: dict[str, Program] = {}
        for kind, commands in cls._commands().items():
            for command in commands:
                program = find(command.program)
                of_kind = f"{program.name} ({kind}r)"
                further = (f"{of_kind[:-1]} {number})" for number in itertools.count(2))
                for name in itertools.chain([program.name, of_kind], further):
                    if programs.setdefault(name, program) == program:
                        break
        return programs

    @classmethod
    def provenance(cls, options: Mapping[str, Any], points: Sequence[float]) -> dict[str, Any]:
        """The programs, their command lines by number of channels and point (quoted as a shell
        would take them), how pixels are passed, and files that are read; ``{width}`` and
        ``{height}`` stand for what differs between images."""
        calls = [*cls._calls(options, points)]
        commands: dict[str, dict[str, dict[str, str]]] = {}
        for channels, kind, point, called in calls:
            by_point = commands.setdefault(str(channels), {}).setdefault(kind, {})
            by_point[point_text(point)] = " && ".join(one.line for one in called)
        texts = {
            text
            for *_, called in calls
            for one in called
            for text in (*one.arguments, *one.environment.values())
        }
        return {
            "path": str(cls.definition.path),
            "pixels": cls.pixels(options),
            "files": {name: files.digest_of(path) for name, path in cls._files(options, texts)},
            "programs": {
                name: {"path": found.path, "version": found.version, "sha256": found.sha256}
                for name, found in cls._programs().items()
            },
            "commands": commands,
        }

    @classmethod
    def pixels(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """How pixels are passed under ``options``, as plain data."""
        pixels = cls.definition.form.pixels
        converted = pixels.converted and 3 in cls.channels
        return pixels.plain(pixels.layout({**options, "channels": 3}) if converted else None)

    @classmethod
    def _calls(
        cls, options: Mapping[str, Any], points: Sequence[float]
    ) -> Iterator[tuple[int, str, float, list[FilledCommand]]]:
        """The commands by number of channels, kind and point."""
        for channels in sorted(cls.channels):
            settings = {**options, "channels": channels}
            for kind, commands in cls._commands().items():
                for point in points:
                    called = [cls._filled(command, settings, point) for command in commands]
                    yield channels, kind, point, called

    @classmethod
    def _files(cls, options: Mapping[str, Any], texts: Iterable[str]) -> Iterator[tuple[str, Path]]:
        """What programs read beside images and streams: the files and folders that the definition
        lists, those that options name, and the files that ``texts`` name by their whole path."""
        for command in (*cls.definition.encode, *cls.definition.decode):
            yield from ((file.name, file) for file in command.files)
            yield from command.reads
        for name in cls._paths():
            if options[name]:
                yield str(options[name]), Path(options[name])
        yield from ((str(path), path) for path in named_files(sorted(texts)))

    @classmethod
    def _paths(cls) -> list[str]:
        """The options of the definition that are paths."""
        return [name for name, option in cls.definition.options.items() if option.path]

    @classmethod
    def _commands(cls) -> dict[str, tuple[Command, ...]]:
        return {"encode": cls.definition.encode, "decode": cls.definition.decode}

    @classmethod
    def _filled(
        cls,
        command: Command,
        settings: Mapping[str, Any],
        point: float,
        geometry: Geometry | None = None,
        folder: Path | None = None,
    ) -> FilledCommand:
        """A command, as far as what differs is known."""
        pixels = cls.definition.form.pixels
        values: dict[str, object] = {
            "input": "input" + pixels.suffix(pixels.input, settings["channels"]),
            "stream": cls._stream_name(),
            "output": cls._output_name(settings),
            "point": plain_number(point),
            **{name: column[point] for name, column in cls.definition.by_point.items()},
        }
        if folder is not None:
            values[FOLDER] = str(folder)
        if pixels.converted:
            layout = pixels.layout(settings)
            values.update(chroma_format=layout.chroma, sample_bits=str(layout.depth))
        if geometry is not None:
            width, height = geometry.width, geometry.height
            resolutions = min(_MOST_RESOLUTIONS, min(width, height).bit_length())
            values.update(width=width, height=height, resolutions=resolutions)
        return command.filled(settings, values)

    @classmethod
    def _stream_name(cls) -> str:
        return "stream" + cls.definition.form.suffix

    @classmethod
    def _output_name(cls, settings: Mapping[str, Any]) -> str:
        """The decoder's file; that the image is gray is only known where the stream tells."""
        pixels = cls.definition.form.pixels
        return "output" + pixels.suffix(
            pixels.output, settings["channels"] if pixels.geometry else 3
        )

    def _called(
        self,
        commands: Sequence[Command],
        settings: Mapping[str, Any],
        geometry: Geometry | None,
        folder: Path,
        name: str,
        most_pixels: int | None = None,
    ) -> bytearray:
        """The file ``name`` that the commands write."""
        filled = [self._filled(one, settings, self.point, geometry, folder) for one in commands]
        return result(filled, folder, name, self.definition.form.timeout_s, most_pixels)

    def encode(self, image: Image) -> bytes:
        height, width, channels = image.shape
        settings = self._settings(channels)
        pixels = self.definition.form.pixels
        rows, columns = pixels.padded(height, width, settings)
        padded = (rows, columns) != (height, width)
        if padded:
            image = np.pad(image, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
        given = Geometry(columns, rows, "444" if channels == 3 else "400", 8)
        with scratch(image.nbytes) as folder:
            path = folder / ("input" + pixels.suffix(pixels.input, channels))
            with path.open("wb") as file:
                for part in pixels.written(image, settings):
                    file.write(part)
            commands = self.definition.encode
            stream = self._called(commands, settings, given, folder, self._stream_name())
        if padded or pixels.geometry == "header" or (pixels.pads and size_header.is_there(stream)):
            return size_header.written(width, height, channels) + stream
        return bytes(stream)

    def decode(self, data: bytes) -> Image:
        if not data:
            raise BitstreamError("the stream is empty (0 bytes)")
        pixels = self.definition.form.pixels
        header, stream = None, data
        if pixels.geometry == "header" or (pixels.pads and size_header.is_there(data)):
            header, stream = size_header.split(data, self.max_pixels)
        most = math.prod(self._padded(header)) if header else self.max_pixels
        geometry = self._geometry(header, stream, most)
        settings = self._settings(geometry.channels if geometry else 3)
        name = self._output_name(settings)
        with scratch(16 * len(stream)) as folder:
            (folder / self._stream_name()).write_bytes(stream)
            try:
                commands = self.definition.decode
                output = self._called(commands, settings, geometry, folder, name, most)
            except OutOfTimeError:
                raise
            except CodecError as error:
                raise BitstreamError(str(error)) from error
        image = pixels.read(output, settings, geometry, most)
        if header is None:
            self.check_size(image.shape[1], image.shape[0])
        if pixels.gray is not None and image.shape[2] == 3 and pixels.gray(stream):
            image = np.ascontiguousarray(image[:, :, :1])
        return image if header is None else self._cropped(image, header)

    def _cropped(self, image: Image, header: Geometry) -> Image:
        """The image without what was padded, which must be there."""
        expected = (*self._padded(header), header.channels)
        if image.shape != expected:
            raise BitstreamError(
                f"the decoder's image is {image.shape}, but the header says {expected}"
            )
        return np.ascontiguousarray(image[: header.height, : header.width])

    def _padded(self, header: Geometry) -> tuple[int, int]:
        settings = self._settings(header.channels)
        return self.definition.form.pixels.padded(header.height, header.width, settings)

    def _settings(self, channels: int) -> dict[str, Any]:
        return {**self.options, "channels": channels}

    def converted(self, image: Image) -> Image | None:
        if not self.definition.form.pixels.converted:
            return None
        return formats.round_trip(image, self._layout(image.shape[2]))

    def _layout(self, channels: int) -> Layout:
        return self.definition.form.pixels.layout(self._settings(channels))

    def _geometry(self, header: Geometry | None, stream: bytes, most: int) -> Geometry | None:
        """What the decoder's image is like, as far as header and stream tell it."""
        pixels = self.definition.form.pixels
        if not pixels.geometry:
            return None
        if pixels.geometry == "header":
            assert header is not None
            rows, columns = self._padded(header)
            return Geometry(columns, rows, header.chroma, header.depth)
        read = formats.hevc_geometry if pixels.geometry == "hevc" else formats.vvc_geometry
        geometry = read(stream)
        check_size(geometry.width, geometry.height, most)
        layout = self._layout(geometry.channels)
        if (geometry.chroma, geometry.depth) != (layout.chroma, layout.depth):
            raise BitstreamError(
                f"the stream has chroma format {geometry.chroma} with {geometry.depth} bits, "
                f"where {layout.chroma} with {layout.depth} is expected"
            )
        return geometry
