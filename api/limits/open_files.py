"""Limit of open files of the process (RLIMIT_NOFILE)."""

from __future__ import annotations

import resource

RESERVED = 200
"""Files other than connections: the catalog, the index, files being read and written, pipes of
decoding children."""


def allow_open_files(connections: int) -> int:
    """Raise the soft limit for this number of connections. Returns how many the limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - RESERVED))
