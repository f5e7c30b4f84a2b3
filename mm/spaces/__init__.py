"""In: media through a reader, questions in words, pictures and sound. Out: vectors of one named
space, and calibrated probes.

Must not know how vectors are stored or searched, nor the queue or the web.
"""

from mm.spaces.registry import load_space, require_same, runtime_name, spaces
from mm.spaces.space import Space
from mm.spaces.types import Probe, Question, SpaceId

__all__ = ["Probe", "Question", "Space", "SpaceId", "load_space", "require_same", "runtime_name", "spaces"]
