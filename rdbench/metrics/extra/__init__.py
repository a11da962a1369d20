"""Metrics that need the extra ``rdbench[metrics]``, or a program of it."""
