"""In: weights and vectors, as arrays. Out: logits.

The specification of every faster implementation: one module a layer, for one sequence. Must not
know how weights are stored or quantized.
"""
