"""The learned codecs by name: each is what its paper describes, with rdbench's own weights. One
more codec takes any architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rdbench.codecs.base import Option
from rdbench.codecs.learned import (
    BETA_RANGE,
    BETAS,
    EXECUTION,
    ONE_MODEL,
    Found,
    LearnedCodec,
    RateLadder,
)
from rdbench.errors import MissingBackendError, UsageError

if TYPE_CHECKING:
    from rdbench.models.weights import Card

_CODER = Option(
    "ans",
    "lossless coder: ans, or binary, the paper's own with static probabilities",
    choices=("ans", "binary"),
)


class _Dumas2018(LearnedCodec):
    """T. Dumas, A. Roumy, C. Guillemot, ICASSP 2018; luma, and as our variant RGB. Decoded luma is
    clipped to 16..235 as in the paper, so that gray images of the whole range lose by it."""

    architecture: ClassVar[str] = "dumas2018"
    case: ClassVar[int]

    @classmethod
    def fits(cls, card: Card, options: Mapping[str, Any]) -> bool:
        return super().fits(card, options) and card.configuration.get("case") == cls.case

    @classmethod
    def arguments(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"coder": options["coder"]}

    def _model_name(self) -> str:
        return self.name + (":binary" if self.options["coder"] == "binary" else "")


class Dumas2018Case1(_Dumas2018, RateLadder):
    """One network for each gamma, normalized bottleneck, step 1."""

    name: ClassVar[str] = "dumas2018-case1"
    case: ClassVar[int] = 1
    configurations: ClassVar[str] = "dumas2018-case1"
    parameter: ClassVar[str] = "gamma"
    ladder: ClassVar[tuple[float, ...]] = (96000, 72000, 40000, 24000, 16000, 12000, 10000)
    rising: ClassVar[bool] = False
    option_table: ClassVar[Mapping[str, Option]] = {"coder": _CODER, **RateLadder.option_table}


class _OneNetwork(_Dumas2018):
    """One network whose quantization steps are multiplied by beta at test time."""

    parameter: ClassVar[str] = "beta"
    ladder: ClassVar[tuple[float, ...]] = BETAS
    point_range: ClassVar[tuple[float, float]] = BETA_RANGE
    option_table: ClassVar[Mapping[str, Option]] = {"coder": _CODER, **ONE_MODEL, **EXECUTION}

    @classmethod
    def files(cls, options: Mapping[str, Any], point: float) -> list[Found]:  # noqa: ARG003
        found = cls.available(options)
        # The paper's network is that of the highest rate.
        lowest = min((card.training["lambda"] for _, card in found), default=0.0)
        return [entry for entry in found if entry[1].training["lambda"] == lowest]

    @classmethod
    def beta(cls, options: Mapping[str, Any], point: float) -> float:  # noqa: ARG003
        return point


class Dumas2018Case2(_OneNetwork):
    """One network with a learned quantization step for each map."""

    name: ClassVar[str] = "dumas2018-case2"
    case: ClassVar[int] = 2
    configurations: ClassVar[str] = "dumas2018-case2"


class Dumas2018Case3(_OneNetwork):
    """The network of case 1 with the lowest gamma, its step of 1 varied, its maps centered."""

    name: ClassVar[str] = "dumas2018-case3"
    case: ClassVar[int] = 1
    configurations: ClassVar[str] = "dumas2018-case1"

    @classmethod
    def arguments(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().arguments(options), "centered": True}


class Theis2017(RateLadder):
    """L. Theis, W. Shi, A. Cunningham, F. Huszár, ICLR 2017."""

    name: ClassVar[str] = "theis2017"
    architecture: ClassVar[str] = "theis2017"
    configurations: ClassVar[str] = "theis2017"
    ladder: ClassVar[tuple[float, ...]] = (0.005, 0.02, 0.08)
    channels: ClassVar[frozenset[int]] = frozenset({3})


class Bmshj2018Factorized(RateLadder):
    """The factorized prior of J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018,
    called as CompressAI calls it. It was formerly called "balle2017", although it is not the
    network of that paper: the old name still finds it, and old weights and streams can still be
    read."""

    name: ClassVar[str] = "bmshj2018-factorized"
    architecture: ClassVar[str] = "bmshj2018-factorized"
    configurations: ClassVar[str] = "bmshj2018-factorized"
    ladder: ClassVar[tuple[float, ...]] = (
        0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800,
    )  # fmt: skip
    channels: ClassVar[frozenset[int]] = frozenset({3})


class Balle2018(Bmshj2018Factorized):
    """J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018: a scale hyperprior."""

    name: ClassVar[str] = "balle2018"
    architecture: ClassVar[str] = "balle2018"
    configurations: ClassVar[str] = "balle2018"


class Lee2019(RateLadder):
    """J. Lee, S. Cho, S.-K. Beack, ICLR 2019: a context-adaptive entropy model."""

    name: ClassVar[str] = "lee2019"
    architecture: ClassVar[str] = "lee2019"
    configurations: ClassVar[str] = "lee2019-mse"
    ladder: ClassVar[tuple[float, ...]] = (0.5, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.017, 0.01)
    rising: ClassVar[bool] = False
    channels: ClassVar[frozenset[int]] = frozenset({3})
    option_table: ClassVar[Mapping[str, Option]] = {
        "optimized": Option(
            "mse",
            "the distortion that the weights were trained for",
            choices=("mse", "ms-ssim"),
            shown=("MSE", "MS-SSIM"),
            labeled=True,
        ),
        "contexts": Option(
            "both",
            "what the entropy model sees: both contexts, or only one: bit-consuming, from the "
            "hyperprior, or bit-free, from known latents",
            choices=("both", "bit-consuming", "bit-free"),
            silent=True,
        ),
        **RateLadder.option_table,
    }

    @classmethod
    def fits(cls, card: Card, options: Mapping[str, Any]) -> bool:
        return (
            super().fits(card, options)
            and card.training.get("optimized", "mse") == options["optimized"]
            and card.configuration.get("contexts", "both") == options["contexts"]
        )


class Trained(RateLadder):
    """Weights made by ``rdbench train``, of any architecture, including your own."""

    name: ClassVar[str] = "trained"
    configurations: ClassVar[str] = "FILE.toml"
    ladder: ClassVar[tuple[float, ...]] = (1.0,)
    option_table: ClassVar[Mapping[str, Option]] = {
        "architecture": Option(
            "",
            "FILE.py:NAME of your own ArchitectureSpec; by default as the weights say",
            labeled=True,
            path=True,
        ),
        **RateLadder.option_table,
        "checkpoints": Option("", "a folder of weights as `rdbench train` writes it", path=True),
    }

    @classmethod
    def available(cls, options: Mapping[str, Any]) -> list[Found]:
        """Those that are named: what rdbench ships is of several architectures."""
        named = options["checkpoint"] or options["checkpoints"]
        return super().available(options) if named else []

    @classmethod
    def fits(cls, card: Card, options: Mapping[str, Any]) -> bool:
        from rdbench.models import architectures

        named = options["architecture"]
        return not named or card.architecture == architectures.find(named).name

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        if not options["checkpoint"] and not options["checkpoints"]:
            raise MissingBackendError(
                f"codec {cls.name!r} measures weights of your own; name them with checkpoint=FILE "
                "or checkpoints=DIR"
            )
        super().require(options)
        kinds = {card.architecture for _, card in cls.available(options)}
        if len(kinds) > 1:
            raise UsageError(
                f"codec {cls.name!r}: there are weights of {', '.join(sorted(kinds))}; name one "
                "file with checkpoint=FILE, or sort them into folders"
            )

    def _model_name(self) -> str:
        return self.available(self.options)[0][1].architecture
