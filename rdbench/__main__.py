"""``python -m rdbench``: the command line."""

from rdbench.cli import main

main()
