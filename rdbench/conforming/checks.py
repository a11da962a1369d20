"""The checks: small functions that turn what a codec did into passed, failed or skipped."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench import metrics
from rdbench.codecs import handed
from rdbench.codecs.request import CodecRequest, parse_codec
from rdbench.conforming.bench import Decoded, Encoded, Failure
from rdbench.conforming.evidence import Evidence, Trial, gather
from rdbench.conforming.subject import Progress
from rdbench.conforming.verdicts import CheckResult, Status, Verdict, judged, skipped
from rdbench.errors import UsageError
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec

LOWEST_CEILING_DB: Final = 30.0
"""Below this at the best point, channels are swapped or ranges are confused."""
LOWEST_CONVERSION_DB: Final = 35.0
"""4:2:0 leaves photographs at 40 dB or more, 8-bit 4:4:4 at some 53 dB; anything lower is a
mistake."""
LARGEST_BIAS: Final = 1.0
"""Mean signed error of a channel at the best point, in 8-bit steps. Truncating instead of rounding
shifts a channel by 0.5 per conversion, and by 1 to 2 there and back."""
LARGEST_LEARNED_BIAS: Final = 0.2
"""The same for learned codecs, as a share of their root mean squared error, if that is more."""


def run_checks(
    codec: str | type[Codec],
    options: Mapping[str, Any] | None = None,
    *,
    points: Sequence[Any] = (),
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> list[CheckResult]:
    """All checks of a codec, in workers of their own.

    Args:
        codec: A class, or a text as on the command line: ``NAME``, ``FILE.py:Class`` or
            ``FILE.toml``, each also with ``:option=value,points=a/b/c``.
        options: More options of the codec.
        points: Points to use instead of the ladder, for slow codecs.
        timeout_s: Limit on the wall time in seconds of each encoding (of a picture of at most
        192×256, twice) and each decoding.
        progress: Called with the number of encodings and decodings done, and the total.

    Returns:
        A result for each of :data:`CHECKS`, in that order.

    Raises:
        UsageError: There is no such codec, option or point.
        MissingBackendError: Its library or program is missing; says what to install.
    """
    if isinstance(codec, str):
        request = parse_codec(codec)
    else:
        request = CodecRequest(handed.hand_over(codec))
    request = dataclasses.replace(
        request,
        options={**request.options, **(options or {})},
        points=tuple(points) or request.points,
    )
    evidence = gather(request, timeout_s, progress)
    return [CheckResult(name, *check(evidence)) for name, check in CHECKS.items()]


def check_version(evidence: Evidence) -> Verdict:
    """The codec says what it is."""
    version = evidence.version
    if isinstance(version, str):
        return judged([] if version else ["version() is empty"], version)
    told = "raised" if isinstance(version, Exception) else "returned"
    return judged([f"version() {told} {type(version).__name__}: {version}"])


def check_ladder(evidence: Evidence) -> Verdict:
    """The ladder has points in one direction, all within the range of the rate parameter."""
    axis, faults = evidence.axis, []
    for point in axis.ladder:
        try:
            axis.check(evidence.codec.name, point)
        except UsageError as error:
            faults.append(str(error))
    steps = np.sign(np.diff(axis.ladder))
    if len(set(steps.tolist()) - {0.0}) > 1 or 0 in steps:
        faults.append("the ladder is not monotonic")
    return judged(faults, f"{axis.parameter} " + " ".join(map(point_text, axis.ladder)))


def check_options(evidence: Evidence) -> Verdict:
    """Every option takes its own default and each of its choices."""
    codec, faults = evidence.codec, []
    for name, option in codec.option_table.items():
        for value in (option.default, *option.choices):
            try:
                if option.convert(codec.name, name, str(value)) != value:
                    faults.append(f"{name}={value} does not survive as text")
            except UsageError as error:
                faults.append(str(error))
        if not option.meaning:
            faults.append(f"{name} has no meaning")
    if not codec.option_table:
        return skipped("the codec has no options")
    return judged(faults, ", ".join(codec.option_table))


def check_round_trip(evidence: Evidence) -> Verdict:
    """All sizes come back from another process with shape, dtype and memory order right."""
    faults = [fault for trial in evidence.trials if (fault := _round_trip_fault(trial))]
    sizes = ", ".join(dict.fromkeys(trial.size for trial in evidence.small))
    return judged(faults, sizes)


def _round_trip_fault(trial: Trial) -> str:
    where = f"{trial.size} at {point_text(trial.point)}"
    if isinstance(trial.encoded, Failure):
        return f"{where}: encode: {trial.encoded.message}"
    if not trial.encoded.stream:
        return f"{where}: the stream is empty"
    if isinstance(trial.decoded, Failure):
        return f"{where}: decode: {trial.decoded.message}"
    return "" if trial.decoded.contiguous else f"{where}: the decoded array is not contiguous"


def check_input_kept(evidence: Evidence) -> Verdict:
    """Encoding takes a read-only array and leaves it as it was."""
    encoded = _encoded(evidence)
    if not encoded:
        return skipped("nothing was encoded")
    return judged(
        f"{trial.size}: the picture was changed"
        for trial, outcome in encoded
        if not outcome.input_kept
    )


def check_repeatable(evidence: Evidence) -> Verdict:
    """The same picture gives the same bytes again."""
    if not evidence.codec.deterministic:
        return skipped("the codec does not claim it")
    encoded = _encoded(evidence)
    if not encoded:
        return skipped("nothing was encoded")
    return judged(
        f"{trial.size} at {point_text(trial.point)}: another stream the second time"
        for trial, outcome in encoded
        if not outcome.repeatable
    )


def check_rate_grows(evidence: Evidence) -> Verdict:
    """Along the ladder, the photograph's stream never gets shorter, and ends longer."""
    faults, spans = [], []
    for form, trials in evidence.ladder.items():
        sizes = [len(t.encoded.stream) for t in trials if isinstance(t.encoded, Encoded)]
        if len(sizes) < 2:
            continue
        listed = " ".join(map(str, sizes))
        spans.append(f"{sizes[0]} to {sizes[-1]} bytes")
        if sizes != sorted(sizes) or sizes[0] == sizes[-1]:
            faults.append(f"{form.words}: {listed} bytes")
    return judged(faults, ", ".join(spans)) if spans else skipped("fewer than two points")


def check_quality_grows(evidence: Evidence) -> Verdict:
    """The last point of the ladder is better than the first."""
    faults, spans = [], []
    for form, trials in evidence.ladder.items():
        values = [value for trial in trials if (value := _psnr_db(trial)) is not None]
        if len(values) < 2:
            continue
        spans.append(f"{values[0]:.2f} to {values[-1]:.2f} dB")
        if values[-1] <= values[0]:
            faults.append(f"{form.words}: {spans[-1]}")
    if evidence.codec.lossless:
        return skipped("the codec is lossless")
    return judged(faults, ", ".join(spans)) if spans else skipped("fewer than two points")


def check_lossless(evidence: Evidence) -> Verdict:
    """A codec that claims to be lossless is."""
    if not evidence.codec.lossless:
        return skipped("the codec does not claim it")
    return judged(
        f"{trial.size}: not the original"
        for trial in evidence.trials
        if _psnr_db(trial) not in (None, np.inf)
    )


def check_ceiling(evidence: Evidence) -> Verdict:
    """At its best point, the codec comes close to the original, or as close as it was trained to:
    colors are converted correctly."""
    values = [(trial, db) for trial in evidence.best if (db := _psnr_db(trial)) is not None]
    if not values:
        return Status.FAILED, "nothing was decoded at the best point"
    low = [(trial, db) for trial, db in values if db < LOWEST_CEILING_DB]
    if evidence.codec.learned:
        faults = [f"{t.size}: nearer to {other}" for t, _ in low if (other := _mixed_up(t))]
    else:
        faults = [f"{trial.size}: {db:.2f} dB" for trial, db in low]
    return judged(
        faults,
        f"at {point_text(evidence.best[0].point)}: "
        + ", ".join(f"{trial.size} {db:.2f} dB" for trial, db in values),
    )


def _mixed_up(trial: Trial) -> str:
    """The mistake, such as swapped channels or confused ranges, that explains the decoded picture
    better than the original does; empty if none does."""
    assert isinstance(trial.decoded, Decoded)
    original = trial.picture.astype(np.float64)
    others = {
        "the full range taken for the limited one": (original - 16) * 255 / 219,
        "the limited range taken for the full one": original * 219 / 255 + 16,
        "the negative": 255 - original,
    }
    if original.shape[2] == 3:
        orders = itertools.permutations(range(3))
        next(orders)  # as it is
        names = {order: "".join("RGB"[channel] for channel in order) for order in orders}
        others |= {f"channels as {name}": original[:, :, order] for order, name in names.items()}
    decoded = trial.decoded.image
    errors = {name: float(np.mean((decoded - other) ** 2)) for name, other in others.items()}
    nearest = min(errors, key=lambda name: errors[name])
    return nearest if errors[nearest] < np.mean((decoded - original) ** 2) else ""


def check_bias(evidence: Evidence) -> Verdict:
    """At its best point the codec makes no channel brighter or darker on average."""
    means: dict[str, list[float]] = {}
    limits: dict[str, float] = {}
    for trial in evidence.best:
        if _psnr_db(trial) is not None and isinstance(trial.decoded, Decoded):
            error = trial.decoded.image.astype(np.float64) - trial.picture
            means[trial.size] = error.mean(axis=(0, 1)).tolist()
            share = LARGEST_LEARNED_BIAS * float(np.sqrt(np.mean(error**2)))
            limits[trial.size] = max(LARGEST_BIAS, share if evidence.codec.learned else 0.0)
    if not means:
        return Status.FAILED, "nothing was decoded at the best point"
    texts = {size: " ".join(f"{x:+.2f}" for x in values) for size, values in means.items()}
    return judged(
        (texts[size] for size, values in means.items() if max(map(abs, values)) > limits[size]),
        ", ".join(texts.values()),
    )


def check_conversion(evidence: Evidence) -> Verdict:
    """The codec's color and format conversions alone lose little; the loss is reported."""
    values = {
        trial.size: outcome.conversion_db
        for trial in evidence.best
        if isinstance(outcome := trial.encoded, Encoded) and outcome.conversion_db is not None
    }
    faults = _wrong(evidence, "converted")
    if not values and not faults:
        return skipped("rdbench makes none for this codec")
    faults += [f"{size}: {db:.2f} dB" for size, db in values.items() if db < LOWEST_CONVERSION_DB]
    return judged(
        faults, "alone " + ", ".join(f"{size} {db:.2f} dB" for size, db in values.items())
    )


def check_payload(evidence: Evidence) -> Verdict:
    """The length of the entropy-coded part is a whole number, no longer than the stream."""
    told = any(outcome.payload_bytes is not None for _, outcome in _encoded(evidence))
    faults = _wrong(evidence, "payload_bytes")
    return judged(faults) if told or faults else skipped("the codec does not report it")


def check_estimate(evidence: Evidence) -> Verdict:
    """The model's own estimate of the rate is a number, finite and not negative."""
    told = any(outcome.estimated_bits is not None for _, outcome in _encoded(evidence))
    faults = _wrong(evidence, "estimated_bits")
    return judged(faults) if told or faults else skipped("the codec makes none")


def _wrong(evidence: Evidence, method: str) -> list[str]:
    """What a method raised, or returned although it must not."""
    return [
        f"{trial.size}: {fault}"
        for trial, outcome in _encoded(evidence)
        if (fault := outcome.faults.get(method))
    ]


def check_empty(evidence: Evidence) -> Verdict:
    """No bytes at all are refused with a clear error."""
    return _refusals({"no bytes": evidence.empty})


def check_truncated(evidence: Evidence) -> Verdict:
    """Truncated streams are refused, even if only the last byte is missing."""
    return _refusals(evidence.truncated)


def check_foreign(evidence: Evidence) -> Verdict:
    """Noise and other formats are refused."""
    return _refusals(evidence.foreign)


def _refusals(outcomes: Mapping[str, Failure | str]) -> Verdict:
    if not outcomes:
        return skipped("there is no stream to truncate")
    faults = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, str):
            faults.append(f"{name}: decode returned {outcome}")
        elif not outcome.clear:
            faults.append(f"{name}: {outcome.message}, where a CodecError is expected")
    return judged(faults, f"{len(outcomes)} streams")


def _encoded(evidence: Evidence) -> list[tuple[Trial, Encoded]]:
    return [(t, t.encoded) for t in evidence.trials if isinstance(t.encoded, Encoded)]


def _psnr_db(trial: Trial) -> float | None:
    """PSNR of a trial, or None where it has no decoded image of the right kind."""
    if _round_trip_fault(trial) or not isinstance(trial.decoded, Decoded):
        return None
    return metrics.psnr(trial.picture, trial.decoded.image)


CHECKS: Final[Mapping[str, Callable[[Evidence], Verdict]]] = {
    "version": check_version,
    "ladder": check_ladder,
    "options": check_options,
    "round-trip": check_round_trip,
    "input-kept": check_input_kept,
    "repeatable": check_repeatable,
    "rate-grows": check_rate_grows,
    "quality-grows": check_quality_grows,
    "lossless": check_lossless,
    "ceiling": check_ceiling,
    "bias": check_bias,
    "conversion": check_conversion,
    "payload": check_payload,
    "estimate": check_estimate,
    "empty": check_empty,
    "truncated": check_truncated,
    "foreign": check_foreign,
}
"""All checks by name, in the order in which they are reported."""
