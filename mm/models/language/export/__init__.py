"""In: a configuration and weights. Out: files that other programs run: transformers, llama.cpp.

Null experts become experts of zeros: a router that selects one adds nothing, and its score takes
part in the sum, as here. Must not know how the weights were trained.
"""
