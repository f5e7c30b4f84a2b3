"""How many files and connections the process may have open."""

from __future__ import annotations

import resource

SPARE = 200
"""Files beside connections: the catalog, the index, what is being read and written, pipes of
decoding children."""


def allow_open_files(connections: int) -> int:
    """Raise the soft limit of the process (RLIMIT_NOFILE) for so many connections. Returns for how
    many there is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - SPARE))
