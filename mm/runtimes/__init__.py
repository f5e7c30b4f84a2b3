"""In: an ONNX graph on disk, or a torch module, and the name of a runtime. Out: a loaded graph that
maps named arrays to named arrays; and which runtime of several is the fastest here that gives the
same answers.

Must not know which network a graph holds, where weights come from, or what a space is.
"""

from mm.runtimes.cache import ensure_graph
from mm.runtimes.registry import Precision, Runtime, find_float32_runtime, find_runtime, list_runtimes, load_graph, usable_cores
from mm.runtimes.types import Array, Graph

__all__ = [
    "Array",
    "Graph",
    "Precision",
    "Runtime",
    "ensure_graph",
    "find_float32_runtime",
    "find_runtime",
    "list_runtimes",
    "load_graph",
    "usable_cores",
]
