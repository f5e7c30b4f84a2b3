"""In: the number of work units that are due. Out: messages to workers through the broker.

Must not know what a work unit does, or the catalog.
"""
