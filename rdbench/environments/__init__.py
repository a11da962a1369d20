"""Other environments for codecs: another Python, a conda environment, a container, any program that
speaks the protocol of ``worker_protocol.md``. A process there is kept, and asked over pipes.

Where they are is told by :mod:`rdbench.environments.environment`; :mod:`.server` starts a process
there, for whoever loads a codec of one.
"""

from rdbench.environments.environment import (
    KINDS,
    PROTOCOL_TEXT,
    WORKER,
    Environment,
    EnvironmentForm,
    joined,
    split,
)

__all__ = ["KINDS", "PROTOCOL_TEXT", "WORKER", "Environment", "EnvironmentForm", "joined", "split"]
