import subprocess
import sys

import pytest

from rdbench.errors import UsageError
from rdbench.metrics import DEFAULT_METRICS, METRICS, check
from rdbench.schema import COLUMNS


def test_every_metric_is_a_column_and_its_unit_is_that_of_the_column() -> None:
    units = {column.name: column.unit for column in COLUMNS}
    assert {name: metric.unit for name, metric in METRICS.items()} == {
        name: units[name] for name in METRICS
    }
    assert [m.name for m in METRICS.values()] == list(METRICS)


def test_axis_names_the_unit_only_where_there_is_one() -> None:
    assert METRICS["psnr_db"].axis == "PSNR [dB]"
    assert METRICS["ms_ssim"].axis == "MS-SSIM"
    assert not METRICS["mse"].higher_is_better
    assert all(METRICS[name].higher_is_better for name in DEFAULT_METRICS)


def test_check_keeps_order_and_drops_repetitions() -> None:
    assert check(["ssim", "mse", "ssim"]) == ("ssim", "mse")


def test_check_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"unknown metric 'psnr_bd'; did you mean 'psnr_db'"):
        check(["ssim", "psnr_bd"])


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import rdbench.metrics as m; m.METRICS, m.check(m.DEFAULT_METRICS)", "numpy cv2"),
        ("from rdbench.metrics import Reference, psnr, ssim, ms_ssim", "torch scipy pandas PIL"),
    ],
)
def test_what_an_import_brings_in(code: str, absent: str) -> None:
    # The package itself is imported first: what it needs is not what is asked here.
    script = f"import rdbench; {code}; import sys; print(*set(sys.modules) & set({absent.split()}))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_a_name_that_is_not_there() -> None:
    import rdbench.metrics

    with pytest.raises(AttributeError, match="no attribute 'psnrr'"):
        rdbench.metrics.psnrr  # noqa: B018
