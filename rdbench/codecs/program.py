"""Program codecs: one encoder, one decoder, and a definition of how they are called.

Each call runs in a temporary folder of its own, with fixed file names: decoded pixels are handed
over, never the user's file, and no name of the user's reaches a command line. What the program
wrote is read strictly; an exit code of 0 with nothing, or with half of it, is a failure.

Times of such a codec include starting the program, and writing and reading the files.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

import numpy as np

from rdbench import files, formats, leb128
from rdbench.codecs import program_file
from rdbench.codecs.base import Axis, Codec, Option
from rdbench.codecs.program_definition import IMAGE_FORMATS, Command, Definition, holds
from rdbench.commands import put_beside
from rdbench.errors import (
    BitstreamError,
    CodecError,
    MissingBackendError,
    OutOfTimeError,
    UsageError,
)
from rdbench.formats import Geometry
from rdbench.programs import Program, find, run, scratch, words_of
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.formats import Layout
    from rdbench.sample_format import Image

_HEADER_CHANNELS: Final = {1: "400", 3: "444"}
_MOST_RESOLUTIONS: Final = 6


PROGRAMS: Final[Mapping[str, Option]] = {
    "program": Option(
        "",
        "file of the encoder, and of the decoder where that is the same program; none: as found",
        path=True,
        silent=True,
    ),
    "decoder": Option("", "file of the decoder; none: as found", path=True, silent=True),
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
    encode, decode = definition.encode, definition.decode
    decoder = decoder or (program if encode.program.name == decode.program.name else "")
    changed = dataclasses.replace(
        definition,
        encode=_with_program(codec.name, "program", encode, program),
        decode=_with_program(codec.name, "decoder", decode, decoder),
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
        raise UsageError(f"{where} is no file; name the file of {command.program.name!r}")
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
        return resolved

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:  # noqa: ARG003
        for command in cls._commands().values():
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
        """The programs by name; of two with one name the decoder is told to be it."""
        encoder, decoder = (find(command.program) for command in cls._commands().values())
        if encoder == decoder or encoder.name != decoder.name:
            return {encoder.name: encoder, decoder.name: decoder}
        return {encoder.name: encoder, f"{decoder.name} (decoder)": decoder}

    @classmethod
    def provenance(cls, options: Mapping[str, Any], points: Sequence[float]) -> dict[str, Any]:
        """The programs, their command lines by number of channels and point (quoted as a shell
        would take them), how pixels are handed over, and files that are read; ``{width}`` and
        ``{height}`` stand for what differs between images."""
        definition = cls.definition
        read = {file.name: file for command in cls._commands().values() for file in command.files}
        return {
            "path": str(definition.path),
            "pixels": definition.form.pixels.plain,
            "files": {name: files.sha256(file) for name, file in read.items()},
            "programs": {
                name: {"path": found.path, "version": found.version, "sha256": found.sha256}
                for name, found in cls._programs().items()
            },
            "commands": {
                str(channels): {
                    kind: {
                        point_text(point): shlex.join(
                            [
                                command.program.name,
                                *cls._arguments(command, {**options, "channels": channels}, point),
                            ]
                        )
                        for point in points
                    }
                    for kind, command in cls._commands().items()
                }
                for channels in sorted(cls.channels)
            },
        }

    @classmethod
    def _commands(cls) -> dict[str, Command]:
        return {"encode": cls.definition.encode, "decode": cls.definition.decode}

    @classmethod
    def _arguments(
        cls,
        command: Command,
        settings: Mapping[str, Any],
        point: float,
        geometry: Geometry | None = None,
    ) -> list[str]:
        """The arguments of a command, as far as they are known."""
        pixels = cls.definition.form.pixels
        values = {
            "input": "input" + _suffix(pixels.input, settings["channels"]),
            "stream": "stream" + cls.definition.form.suffix,
            "output": "output" + _suffix(pixels.output, 3),
            "point": point_text(point),
        }
        if pixels.converted:
            layout = pixels.layout(settings)
            values.update(chroma_format=layout.chroma, sample_bits=str(layout.depth))
        if geometry is not None:
            width, height = geometry.width, geometry.height
            resolutions = min(_MOST_RESOLUTIONS, min(width, height).bit_length())
            values.update(width=str(width), height=str(height), resolutions=str(resolutions))
        return command.filled(settings, values)

    def encode(self, image: Image) -> bytes:
        height, width, channels = image.shape
        settings = self._settings(channels)
        pixels = self.definition.form.pixels
        rows, columns = pixels.padded(height, width, settings)
        padded = (rows, columns) != (height, width)
        if padded:
            image = np.pad(image, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
        given = Geometry(columns, rows, _HEADER_CHANNELS[channels], 8)
        arguments = self._arguments(self.definition.encode, settings, self.point, given)
        with scratch(image.nbytes) as folder:
            path = folder / ("input" + _suffix(pixels.input, channels))
            with path.open("wb") as file:
                for part in self._written(image, settings):
                    file.write(part)
            stream = _result(
                self.definition.encode, arguments, folder, "stream" + self.definition.form.suffix
            )
        if padded or pixels.geometry == "header" or (pixels.pads and _has_header(stream)):
            return _header(width, height, channels) + stream
        return bytes(stream)

    def decode(self, data: bytes) -> Image:
        if not data:
            raise BitstreamError("the stream is empty (0 bytes)")
        pixels = self.definition.form.pixels
        header, stream = None, data
        if pixels.geometry == "header" or (pixels.pads and _has_header(data)):
            header, stream = _split_header(data)
        geometry = self._geometry(header, stream)
        settings = self._settings(geometry.channels if geometry else 3)
        arguments = self._arguments(self.definition.decode, settings, self.point, geometry)
        name = "output" + _suffix(pixels.output, 3)
        with scratch(16 * len(stream)) as folder:
            (folder / ("stream" + self.definition.form.suffix)).write_bytes(stream)
            try:
                output = _result(self.definition.decode, arguments, folder, name)
            except OutOfTimeError:
                raise
            except CodecError as error:
                raise BitstreamError(str(error)) from error
        image = self._read(output, settings, geometry)
        if pixels.grey is not None and image.shape[2] == 3 and pixels.grey(stream):
            image = np.ascontiguousarray(image[:, :, :1])
        return image if header is None else self._cropped(image, header)

    def _cropped(self, image: Image, header: Geometry) -> Image:
        """The image without what was padded, which must be there."""
        expected = (*self._padded(header), header.channels)
        if image.shape != expected:
            raise BitstreamError(
                f"the decoder's image is {image.shape}, and the header with its size needs "
                f"{expected}"
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

    def _written(self, image: Image, settings: Mapping[str, Any]) -> Sequence[bytes | memoryview]:
        """The file for the encoder, in parts, so that the image need not be copied."""
        kind = self.definition.form.pixels.input
        if kind == "pnm":
            return formats.pnm_parts(image)
        if kind == "png":
            return [formats.write_png(image)]
        layout = self.definition.form.pixels.layout(settings)
        write = formats.write_yuv if kind == "yuv" else formats.write_y4m
        return [write(image, layout)]

    def _read(
        self, data: bytearray, settings: Mapping[str, Any], geometry: Geometry | None
    ) -> Image:
        kind = self.definition.form.pixels.output
        if kind == "pnm":
            return formats.read_pnm(data)
        if kind == "png":
            return formats.read_png(bytes(data))
        layout = self.definition.form.pixels.layout(settings)
        if kind == "y4m":
            return formats.read_y4m(bytes(data), layout)
        assert geometry is not None
        return formats.read_yuv(bytes(data), geometry.width, geometry.height, layout)

    def _geometry(self, header: Geometry | None, stream: bytes) -> Geometry | None:
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
        layout = self._layout(geometry.channels)
        if (geometry.chroma, geometry.depth) != (layout.chroma, layout.depth):
            raise BitstreamError(
                f"the stream is of chroma format {geometry.chroma} with {geometry.depth} bits, "
                f"where {layout.chroma} with {layout.depth} is expected"
            )
        return geometry


def _result(command: Command, arguments: Sequence[str], folder: Path, name: str) -> bytearray:
    """The file ``name`` that a command writes in ``folder``; an image may lie in the bytes."""
    put_beside(command.files, folder)
    program = find(command.program)
    words = run([program.path, *arguments], folder)
    path = folder / name
    result = None
    if path.is_file():
        result = bytearray(path.stat().st_size)
        with path.open("rb") as stream:
            del result[stream.readinto(result) :]
    if not result:
        what = "wrote nothing" if result is None else "wrote an empty file"
        raise CodecError(f"{program.name} left with exit code 0 and {what}{words_of(words)}")
    return result


def _suffix(image_format: str, channels: int) -> str:
    return ".pgm" if (image_format, channels) == ("pnm", 1) else IMAGE_FORMATS[image_format]


def _has_header(stream: bytes | bytearray) -> bool:
    """Whether bytes begin as :func:`_header` does; a program's stream that does gets one, too."""
    return stream[0] in _HEADER_CHANNELS


def _header(width: int, height: int, channels: int) -> bytes:
    """What the stream does not tell of the image: one byte for the channels (1 or 3), then width
    and height in base 128."""
    return bytes([channels]) + leb128.written(width) + leb128.written(height)


def _split_header(data: bytes) -> tuple[Geometry, bytes]:
    """The inverse of :func:`_header`, and the stream behind it."""
    width, place = leb128.read(data, 1)
    height, place = leb128.read(data, place)
    if not _has_header(data) or not width or not height:
        raise BitstreamError("the header with the size of the image is damaged")
    return Geometry(width, height, _HEADER_CHANNELS[data[0]], 8), data[place:]
