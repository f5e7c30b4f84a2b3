"""In: an inspector and what a person marked in its results. Out: a candidate for a new version.

Must not know of SQL, queues or HTTP, nor how a person draws a mark.
"""
