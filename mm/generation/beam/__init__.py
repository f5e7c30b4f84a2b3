"""In: requests and a runner. Out: the last hypotheses of beam search, and an engine that searches.

Must not know: images, captions, HTTP, processes.
"""

from mm.generation.beam.hypotheses import BeamOutput
from mm.generation.beam.search import BeamSearch

__all__ = ["BeamOutput", "BeamSearch"]
