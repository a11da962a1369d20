"""The order of a run's rows, without the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rdbench.experiment import Experiment
from rdbench.schema import MeasurementKey


class Order(Mapping[MeasurementKey, int]):
    """The place of each measurement of an experiment in its finished table: what
    :attr:`rdbench.experiment.Task.index` is, by what it measures."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        images = [image for dataset in experiment.datasets for image in dataset.images]
        self._images = {(image.dataset, image.name): place for place, image in enumerate(images)}
        self._points: dict[tuple[str, str, float], int] = {}
        count = 0
        for codec in experiment.codecs:
            for point in codec.points:
                self._points[codec.name, codec.options_text, point] = count
                count += experiment.repeat
        self._of_image = count
        self._count = count * len(images)

    def __getitem__(self, key: MeasurementKey) -> int:
        dataset, image, codec, options, point, repeat = key
        if repeat >= self._experiment.repeat:
            raise KeyError(key)
        of_image = self._images[dataset, image] * self._of_image
        return of_image + self._points[codec, options, point] + repeat

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[MeasurementKey]:
        return (task.key for task in self._experiment.tasks())
