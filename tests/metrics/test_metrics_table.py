import subprocess
import sys

import pytest

from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN, DEFAULT_METRICS, choose, find
from rdbench.schema import COLUMNS, RESERVED


def test_every_metric_has_a_name_of_its_own_and_its_unit_is_that_of_the_name() -> None:
    assert [record.name for record in BUILT_IN.values()] == list(BUILT_IN)
    assert not {*BUILT_IN} & {*RESERVED, *(column.name for column in COLUMNS)}
    for name, record in BUILT_IN.items():
        assert (record.unit == "dB") == name.endswith("_db")
        assert record.definition


def test_axis_names_the_unit_only_where_there_is_one() -> None:
    assert BUILT_IN["psnr_db"].axis == "PSNR [dB]"
    assert BUILT_IN["ms_ssim"].axis == "MS-SSIM"
    assert BUILT_IN["mse"].axis == "MSE, less is better"
    assert not BUILT_IN["mse"].higher_is_better
    assert all(BUILT_IN[name].higher_is_better for name in DEFAULT_METRICS)


def test_choose_keeps_order_and_drops_repetitions() -> None:
    assert names(["ssim", "psnr_y_db", "ssim"]) == ["mse", "ssim", "psnr_y_db"]


def test_choose_puts_what_belongs_to_a_metric_before_it() -> None:
    assert names(["ms_ssim_db", "ssim"]) == ["mse", "ms_ssim", "ms_ssim_db", "ssim"]
    assert names(None) == ["mse", "psnr_db", "psnr_y_db", "ssim", "ms_ssim", "ms_ssim_db"]


def test_choose_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"unknown metric 'psnr_bd'; did you mean 'psnr_db'"):
        choose(["ssim", "psnr_bd"])
    with pytest.raises(UsageError, match=r"known: .*psnr_db.* \(one of your own is named FILE"):
        find("qqq")


def names(wanted: list[str] | None) -> list[str]:
    return [record.name for record in choose(wanted)]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import rdbench.metrics as m; m.BUILT_IN, m.choose(m.DEFAULT_METRICS)", "numpy cv2"),
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
