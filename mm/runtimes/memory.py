"""Memory that the C library keeps for itself."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def release_memory() -> None:
    """Return to the system what was needed only for a while, as by loading a tower; the C library
    of Linux would keep it."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
