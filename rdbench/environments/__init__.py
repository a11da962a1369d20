"""Other environments for codecs: another Python, a conda environment, a container, any program that
speaks the protocol of ``worker_protocol.md``. A process there is kept running, and requests go over
pipes. :mod:`rdbench.environments.environment` locates an environment; :mod:`.server` starts a
process there when a codec is loaded.
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
