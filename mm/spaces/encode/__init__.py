"""In: one media file at a time, through a reader. Out: its segments with their vectors.

Must not know how a query is built, how vectors are stored, nor the queue or the web.
"""
