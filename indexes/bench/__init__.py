"""In: synthetic segments, or a copy of a library. Out: tables, inventories, fault reports.

Must not know: the service, which does not import it.
"""
