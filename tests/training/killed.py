"""A training that kills itself while it writes its n-th checkpoint, in the middle of the file:
``python -m tests.training.killed CONFIG OUT N``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from rdbench.training import checkpoint, configuration_file, family


def main(config: str, out: str, last: int) -> None:
    write = checkpoint.write_atomically
    written = 0

    def write_or_die(path: Path, data: bytes) -> None:
        nonlocal written
        written += 1
        if written == last:
            path.with_name(f".{path.name}.{os.getpid()}.tmp").write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, data)

    checkpoint.write_atomically = write_or_die
    family.train(configuration_file.read(Path(config)), Path(out), threads=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
