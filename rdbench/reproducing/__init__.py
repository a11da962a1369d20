"""Reproductions of figures and tables of the papers: measured if possible, otherwise from published
points, with a remark.

A recipe is a TOML file: an experiment as ``rdbench run`` takes it, whose codecs name the published
curves that stand in for them, and the figures and claims that are made of it
(:mod:`rdbench.reproducing.recipe`).
"""

from __future__ import annotations

from rdbench.reproducing.deltas import tables as delta_tables
from rdbench.reproducing.make import Made, reproduce
from rdbench.reproducing.page import claim_table
from rdbench.reproducing.recipe import Recipe, find, read, shipped

__all__ = ["Made", "Recipe", "claim_table", "delta_tables", "find", "read", "reproduce", "shipped"]
