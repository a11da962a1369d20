"""Architectures of networks by name: what they are, and files of weights made into coders."""

from rdbench.models.architectures.opening import build, load, network
from rdbench.models.architectures.table import ArchitectureSpec, find, installed, known

__all__ = ["ArchitectureSpec", "build", "find", "installed", "known", "load", "network"]
