"""In: float32 matrices. Out: matrices of 4 or 8 bits in blocks, and the values they represent.

The layouts are those of `MatMulNBits` and `QMoE` of ONNX Runtime. Must not know graphs, runtimes or
files.
"""
