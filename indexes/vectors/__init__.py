"""In: publications of the catalog and vectors of shards. Out: immutable parts, searched by FAISS.

Must not know how hits are fused, grouped or presented; it is a cache that can be rebuilt.
"""
