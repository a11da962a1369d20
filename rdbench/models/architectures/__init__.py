"""Architectures of networks by name, and coders made from files of weights."""

from rdbench.models.architectures.opening import build, load, network
from rdbench.models.architectures.table import ArchitectureSpec, find, installed, known

__all__ = ["ArchitectureSpec", "build", "find", "installed", "known", "load", "network"]
