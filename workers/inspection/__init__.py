"""In: tasks of jobs of inspectors. Out: versions of inspectors, and results in the catalog.

Must not know: HTTP, the scheduling order.
"""
