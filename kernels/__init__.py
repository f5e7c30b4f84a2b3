"""In: torch tensors. Out: torch tensors, computed on a GPU by Triton kernels.

Each kernel has a reference implementation in torch beside it. Must not know models, media or files.
Needs torch and Triton; `TRITON_INTERPRET=1` runs a kernel on a CPU, slowly.
"""
