"""In: a database. Out: an event for each commit of any process.

Must not know what was committed.
"""
