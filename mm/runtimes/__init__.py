"""In: the path of an ONNX graph, the name of a runtime. Out: a graph that maps arrays to arrays.

Also measures which runtime is the fastest on this machine. Must not know which network a graph
holds, where weights come from, or what a space is.
"""

from mm.runtimes.cache import ensure_graph
from mm.runtimes.registry import (
    Precision,
    Runtime,
    count_usable_cores,
    find_float32_runtime,
    find_runtime,
    list_runtimes,
    load_graph,
)
from mm.runtimes.types import Array, Graph

__all__ = [
    "Array",
    "Graph",
    "Precision",
    "Runtime",
    "count_usable_cores",
    "ensure_graph",
    "find_float32_runtime",
    "find_runtime",
    "list_runtimes",
    "load_graph",
]
