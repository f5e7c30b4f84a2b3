"""In: leased tasks of a job of another kind than `ingest`. Out: their results in the catalog.

Must not know: how the work of a kind is done; the handlers do it.
"""
