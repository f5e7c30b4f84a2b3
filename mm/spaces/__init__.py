"""In: media through a reader, questions in words, pictures and sound. Out: vectors of one named
space, and calibrated probes.

Must not know how vectors are stored or searched, nor the queue or the web.
"""

from mm.spaces.registry import load_space, require_same, runtime_name, spaces
from mm.spaces.space import Space
from mm.spaces.types import EvidenceQuery, Query, SpaceId

__all__ = ["EvidenceQuery", "Query", "Space", "SpaceId", "load_space", "require_same", "runtime_name", "spaces"]
