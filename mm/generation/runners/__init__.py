"""In: steps of the engine. Out: logits, or sampled tokens.

One module per runtime that computes a network with a paged key-value cache. Must not know: requests
and their texts, HTTP, processes.
"""
