"""Options of a metric: part of its column's name, and of what is kept of it."""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version

import numpy as np
import pytest

import rdbench
from rdbench.errors import UsageError
from rdbench.manifest import read_metrics
from rdbench.metrics import BUILT_IN, MetricOption, MetricRecord, Reference, choose, find, registry

SOURCE = '''
from pathlib import Path

import numpy as np

import rdbench
from rdbench.metrics import MetricOption


class Power(rdbench.Metric):
    """Mean of a power of the difference, times the number in a file."""

    record = rdbench.MetricRecord(
        "power",
        "Power",
        higher_is_better=False,
        definition="Mean of |x - y|^{exponent}.",
        computed_on="samples in units of {unit}",
        options=(
            MetricOption("exponent", "1", ("1", "2"), help="of the difference"),
            MetricOption("unit", "1"),
            MetricOption("weights", "", is_file=True),
        ),
    )

    def score(self, decoded):
        difference = np.abs(decoded.astype(float) - self.original) / float(self.options["unit"])
        weights = self.options["weights"]
        factor = float(Path(weights).read_text()) if weights else 1.0
        return factor * float((difference ** int(self.options["exponent"])).mean())
'''


@pytest.fixture
def power(tmp_path) -> str:
    path = tmp_path / "power.py"
    path.write_text(SOURCE)
    return f"{path}:Power"


def test_options_that_are_not_their_default_are_in_the_column(power):
    assert find(power).name == "power"
    assert find(f"{power}:exponent=1").name == "power"
    assert find(f"{power}:unit=4:exponent=2").name == "power:exponent=2:unit=4"
    record = find(f"{power}:exponent=2")
    assert record.label == "Power (exponent 2)"
    assert record.definition == "Mean of |x - y|^2."
    assert record.computed_on == "samples in units of 1"


def test_each_set_of_options_has_its_own_value(power, photo):
    wanted = [power, f"{power}:exponent=2", f"{power}:unit=2:exponent=2"]
    noisy = np.clip(photo.astype(int) + np.arange(photo.size).reshape(photo.shape) % 5, 0, 255)
    noisy = noisy.astype(np.uint8)
    difference = np.abs(noisy.astype(float) - photo)
    assert Reference(photo, map(find, wanted)).score(noisy).values == {
        "power": pytest.approx(difference.mean()),
        "power:exponent=2": pytest.approx((difference**2).mean()),
        "power:exponent=2:unit=2": pytest.approx((difference**2).mean() / 4),
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("exponnt=2", "unknown option of metric power: 'exponnt'; did you mean 'exponent'?"),
        ("exponent=3", "exponent is 1 or 2, not '3'"),
        ("exponent=2:exponent=1", "option 'exponent' is given twice"),
        ("unit=a b", "may only have letters"),
        ("unit=", "may only have letters"),
        ("weights=nowhere.txt", "'nowhere.txt' is not a file"),
    ],
)
def test_options_that_are_none_are_refused(power, options, said):
    with pytest.raises(UsageError, match="power") as refused:
        find(f"{power}:{options}")
    assert said in str(refused.value)


def test_a_metric_without_options_takes_none():
    with pytest.raises(UsageError, match="unknown option of metric psnr_db: 'peak'"):
        find("psnr_db:peak=1")


def test_braces_around_what_is_no_option_are_a_fault():
    record = MetricRecord("x", definition="of {matrx}", options=(MetricOption("matrix", "601"),))
    with pytest.raises(UsageError, match="braces around a name that is not an option"):
        record.with_options({})


def test_a_file_is_known_by_its_digest_and_kept_as_a_source(power, tmp_path, photo):
    weights = tmp_path / "w.txt"
    weights.write_text("3")
    record = find(f"{power}:weights={weights}")
    # printf 3 | sha256sum
    assert record.name == "power:weights=4e074085"
    assert registry.source(record)["w.txt"].startswith("4e074085")
    other = photo ^ 1
    assert Reference(photo, [record]).score(other).values == {record.name: 3.0}


def test_what_is_beside_a_metric_has_the_same_options():
    option = (MetricOption("matrix", "601", ("601", "709")),)
    record = MetricRecord("x_db", linear="MSE", beside=("mse",), options=option)
    assert record.with_options({"matrix": "709"}).beside == ("mse:matrix=709",)
    assert record.with_options({"matrix": "709"}).linear_column == "mse:matrix=709"
    assert record.with_options({"matrix": "601"}).beside == ("mse",)


def test_a_record_comes_back_from_plain_data_with_its_options(power):
    record = find(f"{power}:exponent=2")
    plain = json.loads(json.dumps(record.plain()))
    assert plain["options"] == {"exponent": "2", "unit": "1", "weights": ""}
    back = MetricRecord.of(plain)
    assert (back.name, back.chosen) == (record.name, record.chosen)


def test_a_run_keeps_and_compares_them(power, tmp_path):
    out = tmp_path / "run"
    wanted = [power, f"{power}:exponent=2"]
    rdbench.run(
        codecs=["jpeg:points=20/50/80", "webp:points=20/50/80"],
        datasets="photos",
        metrics=wanted,
        out=out,
    )
    assert {"power", "power:exponent=2"} <= set(read_metrics(out))
    table = rdbench.bd_table(out, anchor="jpeg", metrics=["power:exponent=2"])
    assert "Power (exponent 2)" in str(table)
    (figure, *_) = rdbench.plot_rd(out, metrics=["power:exponent=2"], out=tmp_path)
    assert ":" not in str(figure.name if hasattr(figure, "name") else figure)


def test_of_a_library_of_an_untested_version_that_is_said():
    there = version("numpy")
    record = dataclasses.replace(BUILT_IN["mse"], library="numpy", tested=(there.split(".")[0],))
    assert registry.untested(record) == ""
    older = dataclasses.replace(record, tested=("1.2", "1.3"))
    told = registry.untested(older)
    assert told.startswith(f"mse: numpy {there} is untested (it was tested with 1.2 and 1.3);")
    assert registry.untested(dataclasses.replace(record, library="none-such")) == ""


def test_two_versions_with_one_beginning_are_told_apart(monkeypatch):
    record = dataclasses.replace(BUILT_IN["mse"], library="x", tested=("0.8",))
    monkeypatch.setattr(registry, "_package_version", lambda _: "0.80")
    assert registry.untested(record)


def test_the_same_options_in_another_order_are_one_metric(power):
    names = [
        record.name
        for record in choose([f"{power}:unit=2:exponent=2", f"{power}:exponent=2:unit=2"])
    ]
    assert names == ["mse", "power:exponent=2:unit=2"]
