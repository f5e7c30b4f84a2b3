"""In: media files of installed packages. Out: a table and a page of queries, results and verdicts.

It uses the real service through the client. Must not know: anything that a user cannot access.
"""
