"""In: torch tensors. Out: torch tensors, computed on a GPU by Triton, each kernel beside the plain
torch twin that specifies it.

Must not know models, media or files. Needs torch and Triton; `TRITON_INTERPRET=1` runs a kernel on
a CPU, slowly.
"""
