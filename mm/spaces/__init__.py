"""In: media through a reader; queries of text, images and audio. Out: vectors of one space, and
calibrated evidence queries.

Must not know how vectors are stored or searched, nor the queue or the web.
"""

from mm.spaces.registry import list_spaces, load_space, require_same_space, select_runtime_name
from mm.spaces.space import Space
from mm.spaces.types import EvidenceQuery, Query, SpaceId

__all__ = ["EvidenceQuery", "Query", "Space", "SpaceId", "list_spaces", "load_space", "require_same_space", "select_runtime_name"]
