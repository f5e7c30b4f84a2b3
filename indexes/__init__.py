"""In: bytes, vectors and rows. Out: a library: items, jobs, segments, and a search over them.

Must not know how media is decoded or encoded, how work is queued, or HTTP.
"""

from indexes.store import Store, open_store

__all__ = ["Store", "open_store"]
