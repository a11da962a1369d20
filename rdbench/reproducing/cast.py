"""Which curve plays each role of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field

from rdbench.curves import Curve
from rdbench.curves.published import PREFIX

Key = tuple[str, str]
"""Dataset and label."""


@dataclass
class Cast:
    """The curves of a recipe, by dataset and label."""

    measured: dict[Key, Curve] = field(default_factory=dict)
    recorded: dict[Key, Curve] = field(default_factory=dict)
    """The published curves of roles, labeled as the roles are."""
    reasons: dict[Key, str] = field(default_factory=dict)
    """Why a curve was not measured."""

    def curves(self, dataset: str) -> list[Curve]:
        """Each role's curve, measured before published, in the order of :attr:`keys`."""
        players = {**self.recorded, **self.measured}
        return [players[key] for key in self.keys if key[0] == dataset and key in players]

    def player(self, dataset: str, name: str, *, published: bool = False) -> Curve | None:
        """The curve that a claim calls ``name``: a label, or ``published:LABEL`` for the published
        curve. With ``published``, a label means the published curve, too."""
        key = (dataset, name.removeprefix(PREFIX))
        if not published and key in self.measured and not name.startswith(PREFIX):
            return self.measured[key]
        return self.recorded.get(key)

    @property
    def keys(self) -> list[Key]:
        """All roles: first what was measured, then what was not."""
        return list(dict.fromkeys((*self.measured, *self.recorded, *self.reasons)))
