"""In: activations of a decoder layer. Out: the same, after the steps between its matrix products.

Each kernel replaces several launches of torch, which cost more than the arithmetic while few tokens
are decoded. `reference` has the same functions in torch. Must not know models or weights files.
"""
