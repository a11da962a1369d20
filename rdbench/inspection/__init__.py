"""What a trained network has learned: its latents, what they encode, and what they cost.

Results are tidy tables (pandas), which :mod:`rdbench.plots.inspection` draws.
"""
