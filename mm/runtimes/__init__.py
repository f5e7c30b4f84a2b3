"""In: an ONNX graph on disk and the name of a runtime. Out: a loaded graph that maps named arrays to named arrays on a CPU.

Must not know which network a graph holds, where weights come from, or what a space is.
"""

from mm.runtimes.cache import cached_graph
from mm.runtimes.registry import describe_runtime, load_graph, resolve, runtimes
from mm.runtimes.types import Array, Graph

__all__ = ["Array", "Graph", "cached_graph", "describe_runtime", "load_graph", "resolve", "runtimes"]
