"""What is kept by beta: what is held, and of the rest a few."""

from __future__ import annotations

from rdbench.models.by_beta import LATEST, ByBeta


class Made:
    def __init__(self, beta: float) -> None:
        self.beta = beta


def test_each_beta_is_made_once_while_it_is_wanted():
    made: list[float] = []

    def make(beta: float) -> Made:
        made.append(beta)
        return Made(beta)

    tables = ByBeta(make)
    held = tables(1.0)
    for number in range(1000):
        assert tables(2.0 + number).beta == 2.0 + number
        assert tables(1.0) is held
    assert made == [1.0, *(2.0 + number for number in range(1000))]
    assert len(tables) <= LATEST + 1
