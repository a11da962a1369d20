import numpy as np
import pytest


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    from skimage import data as photographs

    return np.ascontiguousarray(photographs.astronaut()[:120, 150:320])
