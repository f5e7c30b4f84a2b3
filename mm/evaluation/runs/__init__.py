"""In: outcomes of an evaluation. Out: runs that are kept, compared and required to reach a value.

Must not know: how a set is read, how items are encoded, the service.
"""
