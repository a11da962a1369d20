"""A worker of rdbench for codecs that live in another environment: ``python worker.py``.

It needs Python 3.8 and NumPy, and nothing else: rdbench need not be installed beside it, and a copy
of this file does as well. It answers on standard output what is asked on standard input, as
``worker_protocol.md`` describes it. Where rdbench cannot be imported, ``import rdbench`` gives the
few names that a codec's file needs: Codec, Option and the errors that a codec raises.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import signal
import struct
import sys
import types
from typing import Any, Dict, List, Optional, Tuple, Union

PROTOCOL = 1
MAGIC = b"RDBW"
HEAD = struct.Struct("<4sIQ")
STRIDE = 1 << 30  # bytes of one call of read(2) or write(2)
NOT_CARRIED = ("axis", "configured", "provenance", "resolve_options", "takes")
"""Methods of rdbench.Codec that would be asked while a run is planned."""
Message = Tuple[Dict[str, Any], Union[bytes, bytearray, memoryview]]
OWN_ERRORS = ("BitstreamError", "UnsupportedImageError", "UsageError", "CodecError", "MemoryError")


class Channel:
    """Messages on two file descriptors, each with a header and a payload."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer

    def receive(self) -> Optional[Message]:
        """The next message; None where the other side has closed."""
        head = self._read(HEAD.size, at_start=True)
        if not head:
            return None
        magic, header_bytes, payload_bytes = HEAD.unpack(head)
        if magic != MAGIC:
            raise EOFError("the data received are not a message of rdbench")
        header = json.loads(bytes(self._read(header_bytes)).decode("utf-8"))
        return header, self._read(payload_bytes)

    def send(
        self, header: Dict[str, Any], payload: Union[bytes, bytearray, memoryview] = b""
    ) -> None:
        text = json.dumps(header).encode("utf-8")
        payload = memoryview(payload).cast("B")
        self._write(HEAD.pack(MAGIC, len(text), payload.nbytes) + text)
        self._write(payload)

    def _read(self, size: int, at_start: bool = False) -> bytearray:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            count = os.readv(self._reader, [view[done : done + STRIDE]])
            if not count:
                if at_start and not done:
                    return bytearray()
                raise EOFError("a message ended in its middle")
            done += count
        return data

    def _write(self, data: Union[bytes, memoryview]) -> None:
        view = memoryview(data)
        while view.nbytes:
            view = view[os.write(self._writer, view[:STRIDE]) :]


class Worker:
    """The codec's class, and the instances of it that were opened."""

    def __init__(self, numpy: Any) -> None:
        self._numpy = numpy
        self._class: Any = None
        self._instances: Dict[int, Any] = {}

    def answer(self, header: Dict[str, Any], payload: Any) -> Message:
        """Header and payload of what is answered."""
        do = header["do"]
        if do == "load":
            return self._load(header["codec"]), b""
        if do == "open":
            return self._open(header), b""
        if do == "close":
            close = getattr(self._instances.pop(header["instance"], None), "close", None)
            if close is not None:
                close()
            return {}, b""
        codec = self._instances[header["instance"]]
        if do == "encode":
            return self._encoded(codec.encode(self._image(header, payload)))
        if do == "decode":
            return self._decoded(codec.decode(bytes(payload)))
        if do == "payload_bytes":
            return {"value": self._number(codec.payload_bytes(bytes(payload)), do)}, b""
        if do == "estimated_bits":
            found = codec.estimated_bits(self._image(header, payload))
            return {"value": self._number(found, do)}, b""
        raise ValueError("unknown request " + repr(do))

    def _load(self, target: str) -> Dict[str, Any]:
        path, _, name = target.rpartition(":")
        if not path.endswith(".py"):
            raise RequestError(f"codec {target!r} is not of the form FILE.py:Class")
        folder = os.path.dirname(os.path.abspath(path))
        sys.path.insert(0, folder)
        spec: Any = importlib.util.spec_from_file_location("rdbench_codec_file", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        if not hasattr(module, name):
            raise RequestError(f"there is no class {name!r} in {path!r}")
        self._class = codec = getattr(module, name)
        lacking = [
            field
            for field in ("name", "parameter", "ladder", "encode", "decode")
            if getattr(codec, field, None) is None
        ]
        if lacking:
            raise RequestError("codec {!r} lacks {}".format(name, ", ".join(lacking)))
        if own := [method for method in NOT_CARRIED if _defines(codec, method)]:
            raise RequestError(
                f"codec {name!r} defines {own[0]}(), which rdbench cannot call in another "
                "environment; declare its points and options as attributes of the class"
            )
        threads = getattr(sys.modules.get("cv2"), "setNumThreads", None)
        if threads is not None:
            threads(1)
        told = _attributes(codec)
        told["version"] = str(codec.version()) if hasattr(codec, "version") else ""
        told["asked"] = [
            method for method in ("payload_bytes", "estimated_bits") if _defines(codec, method)
        ]
        files = _source(path, folder)
        told["source"] = {}
        for file in files:
            with open(file, "rb") as stream:
                digest = hashlib.sha256(stream.read()).hexdigest()
            told["source"][os.path.relpath(file, folder).replace(os.sep, "/")] = digest
        told["environment"] = {
            "python": platform.python_implementation() + " " + platform.python_version(),
            "packages": _packages(files),
        }
        return told

    def _open(self, header: Dict[str, Any]) -> Dict[str, Any]:
        codec = self._class(header["point"], **header["options"])
        self._instances[header["instance"]] = codec
        device = getattr(codec, "device", None)
        return {"device": str(device()) if callable(device) else "cpu"}

    def _image(self, header: Dict[str, Any], payload: Any) -> Any:
        image = self._numpy.frombuffer(payload, header["dtype"]).reshape(header["shape"])
        image.flags.writeable = False
        return image

    def _encoded(self, stream: object) -> Message:
        if not isinstance(stream, bytes):
            raise ReturnedError(f"encode returned {type(stream).__name__}, not bytes")
        return {}, stream

    def _decoded(self, image: Any) -> Message:
        if not isinstance(image, self._numpy.ndarray):
            raise ReturnedError(f"decode returned {type(image).__name__}, not a NumPy array")
        if image.dtype.hasobject:
            raise ReturnedError(f"decode returned {image.dtype} samples, not uint8")
        contiguous = bool(image.flags.c_contiguous)
        header = {"shape": image.shape, "dtype": str(image.dtype), "contiguous": contiguous}
        return header, memoryview(self._numpy.ascontiguousarray(image).reshape(-1).view("uint8"))

    def _number(self, value: Any, method: str) -> Union[bool, int, float, None]:
        """A number of a codec for JSON; anything else is left for rdbench to refuse."""
        if getattr(value, "ndim", 0) == 0 and callable(getattr(value, "item", None)):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if hasattr(value, "shape"):
            found = f"{type(value).__name__} of shape {tuple(value.shape)}"
        else:
            found = f"{value!r} ({type(value).__name__})"
        raise ReturnedError(f"{method} returned {found}, where a number is needed")


class ReturnedError(Exception):
    """What a codec returned is not what it must."""


class RequestError(Exception):
    """The request cannot be carried out as it stands."""


def _defines(codec: Any, method: str) -> bool:
    """Whether the class itself, or a base of it that is not rdbench's, defines a method."""
    return any(
        method in vars(base)
        for base in codec.__mro__
        if base is not object and base.__module__.partition(".")[0] != "rdbench"
    )


def _attributes(codec: Any) -> Dict[str, Any]:
    low, high = getattr(codec, "point_range", (float("-inf"), float("inf")))
    options = getattr(codec, "option_table", {})
    return {
        "name": codec.name,
        "parameter": codec.parameter,
        "ladder": [float(point) for point in codec.ladder],
        "point_range": [_bound(low), _bound(high)],
        "integer_points": bool(getattr(codec, "integer_points", False)),
        "options": {name: _option(option) for name, option in options.items()},
        "channels": sorted(getattr(codec, "channels", (1, 3))),
        "longest_side": getattr(codec, "longest_side", None),
        "longest_side_is": getattr(codec, "longest_side_is", ""),
        "deterministic": bool(getattr(codec, "deterministic", True)),
        "lossless": bool(getattr(codec, "lossless", False)),
        "learned": bool(getattr(codec, "learned", False)),
        "stream_suffix": getattr(codec, "stream_suffix", ".bin"),
    }


def _option(option: Any) -> Dict[str, Any]:
    """An option as JSON has it: rdbench's, or a default value alone."""
    if not hasattr(option, "default"):
        return {"default": option}
    told = {name: getattr(option, name) for name in Option.FIELDS if hasattr(option, name)}
    for name in ("low", "high"):
        if name in told:
            told[name] = _bound(told[name])
    return told


def _bound(value: float) -> Optional[float]:
    """A bound; None where there is none, which JSON cannot say otherwise."""
    return None if value in (float("inf"), float("-inf")) else float(value)


def _source(path: str, folder: str) -> List[str]:
    """The codec's file, and the modules beside it that it has imported."""
    beside = {os.path.abspath(path)}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py") and not _is_package(file):
            file = os.path.abspath(file)
            if file.startswith(folder + os.sep) and file != os.path.abspath(__file__):
                beside.add(file)
    return sorted(beside)


def _is_package(file: str) -> bool:
    return "site-packages" in file or "dist-packages" in file


def _packages(files: List[str]) -> Dict[str, str]:
    """Versions of the packages that the codec's files name, also those that a method imports later,
    and of all that are loaded."""
    names = {"numpy"}
    for file in files:
        with open(file, "rb") as stream:
            tree = ast.parse(stream.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    for name, module in list(sys.modules.items()):
        if "." not in name and _is_package(getattr(module, "__file__", None) or ""):
            names.add(name)
    found = {name: _version(name) for name in sorted(names)}
    return {name: version for name, version in found.items() if version}


def _version(name: str) -> str:
    module = sys.modules.get(name)
    version = getattr(module, "__version__", None)
    if isinstance(version, str) and _is_package(getattr(module, "__file__", None) or ""):
        return str(version)
    from importlib import metadata

    try:
        return metadata.version(name)
    except Exception:
        return ""


class Option:
    """Stands in for rdbench.Option."""

    FIELDS = (
        *("default", "meaning", "choices", "low", "high"),
        *("labeled", "color", "shown", "path", "silent"),
    )

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update(dict(zip(self.FIELDS, values)), **named)


def stand_in() -> None:
    """Have ``import rdbench`` work where it cannot be, for what a codec's file needs of it."""

    class Codec:
        """Stands in for rdbench.Codec."""

        def __init__(self, point: float, **options: Any) -> None:
            self.point, self.options = point, options

        @classmethod
        def version(cls) -> str:
            return ""

        def device(self) -> str:
            return "cpu"

        def close(self) -> None:
            pass

    class RdbenchError(Exception):
        pass

    errors: Dict[str, Any] = {"RdbenchError": RdbenchError}
    for name, base in (
        *(("UsageError", "RdbenchError"), ("MissingBackendError", "UsageError")),
        *(("ImageError", "RdbenchError"), ("UnsupportedImageError", "ImageError")),
        *(("CodecError", "RdbenchError"), ("BitstreamError", "CodecError")),
    ):
        errors[name] = type(name, (errors[base],), {"__module__": "rdbench.errors"})
    package, module = types.ModuleType("rdbench"), types.ModuleType("rdbench.errors")
    Codec.__module__ = RdbenchError.__module__ = "rdbench"
    vars(module).update(errors)
    vars(package).update(errors, Codec=Codec, Option=Option, errors=module, __path__=[])
    for name in [name for name in sys.modules if name.startswith("rdbench.")]:
        del sys.modules[name]
    sys.modules.update({"rdbench": package, "rdbench.errors": module})


def told(error: BaseException) -> Dict[str, str]:
    """An error as it is answered: one that a codec is meant to raise by its name."""
    for kind in type(error).__mro__:
        if kind.__name__ in OWN_ERRORS:
            return {"kind": kind.__name__, "message": str(error)}
    if isinstance(error, (ReturnedError, RequestError)):
        return {"kind": type(error).__name__, "message": str(error)}
    return {"kind": "", "message": f"{type(error).__name__}: {error}"}


def end_with_parent() -> None:
    """Have the kernel end this process when its parent is killed (prctl(2), Linux only)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def taken(descriptor: int, instead: int) -> int:
    """A descriptor of its own for what is on ``descriptor``, where ``instead`` is from now on."""
    own = os.dup(descriptor)
    os.dup2(instead, descriptor)
    return own


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]  # a module beside this file is nobody's to import
    end_with_parent()
    nothing = os.open(os.devnull, os.O_RDONLY)
    # What a codec prints goes to standard error, and what it reads is empty.
    channel = Channel(taken(0, nothing), taken(1, 2))
    hello = {
        "protocol": PROTOCOL,
        "worker": "Python " + platform.python_version(),
        "pid": os.getpid(),
    }
    try:
        import numpy
    except ImportError as error:
        channel.send({**hello, "error": {"kind": "NumPy", "message": str(error)}})
        return
    try:
        package = importlib.import_module("rdbench")
        for name in ("Codec", "Option"):  # which are imported where they are used
            getattr(package, name)
    except Exception:  # there is none, or one for another Python, as by PYTHONPATH
        stand_in()
    worker = Worker(numpy)
    channel.send(hello)
    while True:
        request = channel.receive()
        if request is None:
            return
        try:
            answer = worker.answer(*request)
        except BaseException as error:  # a codec may raise anything, SystemExit included
            answer = {"error": told(error)}, b""
        channel.send(*answer)


if __name__ == "__main__":
    main()
