"""`python -m workers`: runs one worker with its worker processes until a signal stops it."""

from __future__ import annotations

import sys

from mm.startup import pause_collections


def main() -> int:
    """Return the exit status."""
    with pause_collections():
        from workers.process import run
    return run()


if __name__ == "__main__":
    sys.exit(main())
