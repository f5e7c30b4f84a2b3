"""In: a running service. Out: latency of searches, and recall of known scenes.

The index itself is measured beside plain FAISS by `indexes.bench`. Must not know: how it searches.
"""
