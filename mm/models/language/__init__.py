"""In: token ids, and vectors that enter as prefix embeddings. Out: logits of the next token.

The decoder is SmolLM2-135M-Instruct, optionally with routed experts beside its feed-forward
networks. `reference` specifies it in NumPy, `network_torch` is for training and GPUs. Must not know
what a vector describes, how tokens are sampled, or what a request is.
"""
