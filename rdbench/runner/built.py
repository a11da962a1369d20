"""The codecs that a worker has built."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from rdbench import provenance
from rdbench.errors import RdbenchError, UnsupportedImageError, file_notes
from rdbench.images.loading import imagemagick
from rdbench.provenance import differences
from rdbench.sample_format import SampleFormat
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan, Task
    from rdbench.runner.rows import Settings
    from rdbench.sample_format import Image

MAX_INSTANCES: Final = 64


class Built:
    """Keeps codec instances, so that the next image need not build them again."""

    def __init__(self, settings: Settings, notes: list[str]) -> None:
        self._settings = settings
        self._notes = notes
        """Notes on files while codecs are built."""
        self._codecs: OrderedDict[tuple[str, str, float], tuple[Codec, Codec]] = OrderedDict()
        self._classes: dict[tuple[str, str], type[Codec]] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._takes: dict[tuple[str, str], frozenset[SampleFormat]] = {}

    def class_of(self, plan: CodecPlan) -> type[Codec]:
        """Raises :class:`RdbenchError` where its source is not what the run began with."""
        key = (plan.target, plan.options_text)
        if key not in self._classes:
            codec = plan.codec()
            here = provenance.source(plan)
            if found := differences(self._settings.sources.get(key, here), here):
                raise RdbenchError(
                    f"codec {plan.name!r} was edited since the run began ({'; '.join(found)}); "
                    "run the same command again"
                )
            self._classes[key] = codec
        return self._classes[key]

    def version(self, plan: CodecPlan) -> str:
        key = (plan.target, plan.options_text)
        if key not in self._versions:
            self._versions[key] = one_line(str(self.class_of(plan).version()))
        return self._versions[key]

    def instances(self, plan: CodecPlan, setting: float, pixels: Image) -> tuple[Codec, Codec]:
        """An encoder and a decoder at a value of the codec's parameter, which take streams of no
        larger picture than ``pixels``."""
        key = (plan.target, plan.options_text, setting)
        if not all(codec.usable() for codec in self._codecs.get(key, ())):
            self.give_up(plan, setting)
        if key not in self._codecs:
            if len(self._codecs) >= MAX_INSTANCES:
                for codec in self._codecs.popitem(last=False)[1]:
                    codec.close()
            build, options = self.class_of(plan), dict(plan.options)
            with file_notes(self._notes):
                self._codecs[key] = build(setting, **options), build(setting, **options)
        self._codecs.move_to_end(key)
        for codec in self._codecs[key]:
            codec.max_pixels = pixels.shape[0] * pixels.shape[1]
        return self._codecs[key]

    def give_up(self, plan: CodecPlan, setting: float) -> None:
        """Close the instances at a setting that is not likely to be wanted again."""
        for codec in self._codecs.pop((plan.target, plan.options_text, setting), ()):
            codec.close()

    def refuse_unfit(self, task: Task, pixels: Image) -> None:
        """Raise :class:`UnsupportedImageError` for an image that the codec does not take."""
        plan, codec = task.codec, self.class_of(task.codec)
        height, width, _ = pixels.shape
        if codec.longest_side is not None and max(height, width) > codec.longest_side:
            whose = f" ({codec.longest_side_is})" if codec.longest_side_is else ""
            raise UnsupportedImageError(
                f"codec {codec.name!r} takes sides of at most {codec.longest_side} px{whose}, "
                f"but this image is {width}x{height}; cut it into tiles, or measure another "
                "codec"
            )
        key = (plan.target, plan.options_text)
        if key not in self._takes:
            self._takes[key] = codec.takes(plan.resolved())
        found, taken = SampleFormat.of(pixels), self._takes[key]
        if found in taken:
            return
        kinds = " or ".join(sorted(form.words for form in taken))
        as_color = imagemagick(task.image.path.name, "{} -define png:color-type=2")
        hint = "measure with color luma" if kinds == "gray" else f"convert it with {as_color}"
        raise UnsupportedImageError(
            f"codec {codec.name!r} takes only {kinds} images, but this one is {found.words} "
            f"({found.text}); {hint}, or measure another codec (comparisons leave this image "
            "out)"
        )
