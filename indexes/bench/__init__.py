"""In: synthetic segments, or a copy of a library. Out: tables, inventories, fault reports.

Must not be imported by the service.
"""
