"""In: vectors, and a weight matrix in 4 or 8 bits. Out: their product.

`int4` and `int8` are the kernels, each beside the quantization and the product in torch that
specify it. Must not know models.
"""
