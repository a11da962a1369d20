"""Errors that a user can act on. The command line catches :class:`RdbenchError`, prints its message
in one line and exits with 2. While measuring, an error costs only the row in which it was raised.
"""

from __future__ import annotations

import contextlib
import difflib
import warnings
from collections.abc import Iterable, Iterator
from typing import Final

from rdbench.text import printable, quoted

MOST_MESSAGE: Final = 4000
MOST_NAMES: Final = 40
"""The most names that the error for an unknown one lists."""


class RdbenchError(Exception):
    """Base of all errors that rdbench raises on purpose; the message is one line, with unprintable
    characters escaped. One of more than :data:`MOST_MESSAGE` characters, which files with such
    names and labels can cause, loses its middle."""

    def __init__(self, message: str = "") -> None:
        message = printable(message)
        if len(message) > MOST_MESSAGE:
            message = f"{message[: MOST_MESSAGE // 2]} … {message[-MOST_MESSAGE // 2 :]}"
        super().__init__(message)


class UsageError(RdbenchError):
    """The request cannot be carried out as it stands; the message says what to change."""


class MissingBackendError(UsageError):
    """A codec's library is not installed; the message names what to install."""


class ImageError(RdbenchError):
    """One image cannot be measured as it is (unreadable, truncated, 0 bytes)."""


class UnsupportedImageError(ImageError):
    """A readable image of a kind that rdbench or the codec refuses (alpha, CMYK, 16 bit, gray
    into a color codec); the message says how to convert it."""


class CodecError(RdbenchError):
    """A codec failed on one image. Codecs raise this, with the reason."""


class BitstreamError(CodecError):
    """The bytes are not a stream of this codec, or are truncated or damaged."""


class DivergedError(RdbenchError):
    """A training cannot go on: the loss, the weights or the latents are not finite."""


class OutOfTimeError(CodecError):
    """A program that a codec runs was ended because the time limit of the measurement was
    reached."""


class ProcessEndedError(RdbenchError):
    """The process of a codec ended in the middle of a request."""


class FileNote(UserWarning):
    """Something unexpected about a file that the user named. In Python it is a warning; a run
    reports it once and records it in ``run.json``."""


@contextlib.contextmanager
def file_notes(found: list[str]) -> Iterator[None]:
    """Collect the texts of every :class:`FileNote` raised inside in ``found``; other warnings are
    passed on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FileNote)
        try:
            yield
        finally:
            others = [one for one in caught if not issubclass(one.category, FileNote)]
            found += [str(one.message) for one in caught if issubclass(one.category, FileNote)]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@contextlib.contextmanager
def naming(place: str) -> Iterator[None]:
    """Every :class:`UsageError` raised inside begins with ``place``, such as the file that asks for
    what is wrong."""
    try:
        yield
    except UsageError as error:
        raise type(error)(f"{place}: {error}") from None


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UsageError:
    """The error for an unknown name, with suggestions.

    ``unknown("codec", "jpge", ["jpeg", "webp"])`` reads ``unknown codec 'jpge'; did you mean
    'jpeg'?``, and lists all names if none is similar.
    """
    names = sorted(known)
    folded = {entry.lower(): entry for entry in names}
    near = [folded[n] for n in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]
    if near:
        advice = "did you mean " + " or ".join(repr(n) for n in near) + "?"
    else:
        more = f", ... and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        advice = "known: " + (", ".join(names[:MOST_NAMES]) + more or "none")
    return UsageError(f"unknown {kind} {quoted(name)}; {advice}" + (f" ({hint})" if hint else ""))
