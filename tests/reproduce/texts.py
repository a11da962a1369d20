"""Recipes for the tests."""

from __future__ import annotations

HEAD = """
title = "A figure"
datasets = ["photos"]
metrics = ["psnr_db"]

[[codecs]]
label = "JPEG"
codec = "jpeg"
points = [10, 50, 90]
"""
"""The beginning of a recipe, to which codecs, figures and claims are added."""
