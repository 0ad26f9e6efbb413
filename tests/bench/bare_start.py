"""What a command does at least that reads configurations: it starts, and parses their files.

    python -m bench.bare_start [DIRECTORY …]

Imports the command line as `repaintd` does, parses each file of bindings, and checks nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

import repaintd.cli


def main() -> None:
    assert repaintd.cli is not None
    for directory in sys.argv[1:]:
        for path in sorted(Path(directory).glob("bindings/*.yaml")):
            yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


if __name__ == "__main__":
    main()
