"""In: queries of new tokens, and keys and values in blocks. Out: attention of each token.

`attention` is the kernel, `reference` the same in torch. Must not know how blocks are allocated.
"""
