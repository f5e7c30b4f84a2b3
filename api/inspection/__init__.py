"""In: requests about inspectors and inspections. Out: their schemas, from catalog and files.

Must not know: HTTP routing, how images are inspected.
"""
