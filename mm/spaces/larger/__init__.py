"""In: the table of larger spaces, a machine, the content of a library. Out: which of them fit, what
they need, how long a reindexing takes; the files of one of them, downloaded on request.

Must not know: the catalog, the API.
"""
