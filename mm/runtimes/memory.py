"""Returns freed memory from the C library to the operating system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def release_memory() -> None:
    """Return freed memory to the operating system, for example after loading a tower.

    The C library of Linux would keep it for later allocations. Does nothing with another library.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
