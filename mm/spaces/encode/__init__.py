"""In: one media file at a time, through a reader. Out: segments with vectors of evidence and frames.

Must not know how a query is built, how vectors are stored, nor the queue or the web.
"""
