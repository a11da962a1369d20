"""The program ``rdbench``, also as ``python -m rdbench``."""

import sys

from rdbench.interrupts import STATUS, ignore, raising


def main() -> None:
    """Run it; interrupts are handled from the start, even while modules load."""
    with raising(KeyboardInterrupt):
        try:
            from rdbench import cli

            cli.main()
        except KeyboardInterrupt:
            ignore()
            sys.exit(STATUS)


if __name__ == "__main__":
    main()
