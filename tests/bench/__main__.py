"""`python tests/bench`: measure, and print ratios against plain baselines."""

from __future__ import annotations

import sys
from pathlib import Path


def start() -> int:
    # Modules of this directory are `bench.…`, here as in the processes beside.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from bench.run import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(start())
