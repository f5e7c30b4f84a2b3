"""In: a configuration and weights. Out: ONNX graphs of the language model, and a session of them.

The graphs use operators that only ONNX Runtime has, on a CPU. `decoder` and what it imports need
onnx and are imported only when a graph is written. Must not know requests, blocks or prompts.
"""
