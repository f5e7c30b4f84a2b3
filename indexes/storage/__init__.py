"""In: bytes, vectors and descriptions. Out: files of the library, durable before they are named.

Must not know the tables of the catalog, the meaning of vectors, or HTTP.
"""
