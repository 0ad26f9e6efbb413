"""The whole daemon in a process of its own, as `repaintd run` starts it, but without the browser.

    python -m bench.headless DIRECTORY

Says READY on standard output when it is; a signal ends it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.daemon import ENVIRONMENT, loaded, quiet_log
from repaintd.app import run_daemon


def announce(*_: str) -> None:
    print("READY", flush=True)


def main() -> None:
    with quiet_log() as log:
        configuration = loaded(Path(sys.argv[1]), browser=False)
        asyncio.run(run_daemon(configuration, log=log, environ=ENVIRONMENT, announce=announce))


if __name__ == "__main__":
    main()
