"""`python -m api`: serve on the address of the settings until a stop signal arrives."""

from __future__ import annotations

import sys

from mm.startup import pause_collections


def main() -> int:
    """Return the exit status."""
    with pause_collections():
        from api.process import run
    return run()


if __name__ == "__main__":
    sys.exit(main())
