"""Metrics of one's own: sound ones, and each way to be broken."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time

import numpy as np

import rdbench
from rdbench.sample_format import RGB8

_counter = itertools.count()


def record(name: str, **values: object) -> rdbench.MetricRecord:
    return rdbench.MetricRecord(
        name, definition="Made for tests.", **{"higher_is_better": False, **values}
    )


class MeanError(rdbench.Metric):
    record = record("mean_error", label="Mean error", unit="steps")

    def score(self, decoded):
        return np.abs(decoded.astype(int) - self.original).mean()


class ColorError(MeanError):
    """Takes color alone, from 20 pixels on; falls with quality turned round."""

    record = record("color_error", formats=frozenset({RGB8}), least_side=20, higher_is_better=True)

    def score(self, decoded):
        assert decoded.shape[2] == 3
        assert min(decoded.shape[:2]) >= 20
        return -np.square(decoded.astype(float) - self.original).mean()


class Asymmetric(MeanError):
    record = record("asymmetric")

    def score(self, decoded):
        weight = 1 + self.original.astype(float)
        return np.square(decoded.astype(float) - self.original).mean() / weight.mean()


class ReturnsArray(MeanError):
    record = record("returns_array")

    def score(self, decoded):
        return np.abs(decoded.astype(int) - self.original).mean(axis=(0, 1))


class ReturnsNaN(MeanError):
    record = record("returns_nan")

    def score(self, decoded):
        return float("nan")


class ReturnsText(MeanError):
    record = record("returns_text")

    def score(self, decoded):
        return "17.5"


class ReturnsNothing(MeanError):
    record = record("returns_nothing")

    def score(self, decoded):
        return None


class Raises(MeanError):
    record = record("raises")

    def score(self, decoded):
        raise ZeroDivisionError("no\nwindows")


class Exits(MeanError):
    record = record("exits")

    def score(self, decoded):
        raise SystemExit(3)


class CannotBeBuilt(MeanError):
    record = record("cannot_be_built")

    def __init__(self, original, names):
        raise RuntimeError("no weights")


class ChangesDecoded(MeanError):
    record = record("changes_decoded")

    def score(self, decoded):
        value = super().score(decoded)
        decoded.flags.writeable = True
        decoded[:] = 7
        return value


class ChangesOriginal(MeanError):
    record = record("changes_original")

    def score(self, decoded):
        value = super().score(decoded)
        self.original.flags.writeable = True
        self.original[0, 0] ^= 1
        return value


class WritesInPlace(MeanError):
    record = record("writes_in_place")

    def score(self, decoded):
        decoded -= self.original
        return float(decoded.mean())


class KeepsItsOwnOriginal(MeanError):
    """Sound: what it makes of the original is its own affair."""

    record = record("keeps_its_own_original")

    def __init__(self, original, names):
        super().__init__(original, names)
        self.original = original.astype(float) + 0.5

    def score(self, decoded):
        return np.abs(decoded + 0.5 - self.original).mean()


class Hangs(MeanError):
    record = record("hangs")

    def score(self, decoded):
        while True:
            pass


class HangsOnNoise(MeanError):
    """Where it is strong, and in what cannot be interrupted by an exception."""

    record = record("hangs_on_noise")

    def score(self, decoded):
        value = super().score(decoded)
        while value > 20:
            with contextlib.suppress(BaseException):
                time.sleep(1)
        return value


class Crashes(MeanError):
    record = record("crashes")

    def score(self, decoded):
        os.abort()


class LeavesTheProcess(MeanError):
    record = record("leaves_the_process")

    def score(self, decoded):
        print("out of tokens", file=sys.stderr, flush=True)
        os._exit(3)


class PrintsMegabytes(MeanError):
    """Sound, if tiresome."""

    record = record("prints_megabytes")

    def score(self, decoded):
        os.write(1, b"x" * 1_000_000)
        print("y" * 1_000_000, file=sys.stderr)
        return super().score(decoded)


class WrongDirection(MeanError):
    record = record("wrong_direction", higher_is_better=True)


class NotRepeatable(MeanError):
    record = record("not_repeatable")

    def score(self, decoded):
        return super().score(decoded) + next(_counter) * 1e-9


class Remembers(MeanError):
    """Depends on what was scored before."""

    record = record("remembers")

    def __init__(self, original, names):
        super().__init__(original, names)
        self.worst = 0.0

    def score(self, decoded):
        self.worst = max(self.worst, super().score(decoded))
        return self.worst


class NotOnOnePixel(MeanError):
    record = record("not_on_one_pixel")

    def score(self, decoded):
        if decoded.shape[0] == 1:
            raise ValueError("too small")
        return super().score(decoded)


class Saturates(MeanError):
    record = record("saturates")

    def score(self, decoded):
        return min(super().score(decoded), 5.0)


class NaNWhereFlat(MeanError):
    record = record("nan_where_flat")

    def score(self, decoded):
        return super().score(decoded) if self.original.std() else float("nan")


class Undefined(MeanError):
    record = rdbench.MetricRecord("undefined", higher_is_better=False)


class NoRecord(rdbench.Metric):
    def score(self, decoded):
        return 1.0


class NoScore(rdbench.Metric):
    record = record("no_score")


class NotAMetric:
    pass
