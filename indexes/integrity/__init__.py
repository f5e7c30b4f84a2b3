"""In: a catalog and a home folder. Out: the check that they match, and garbage collection.

Must not know HTTP, workers, or how media is decoded.
"""
