"""In: images of good parts, then images of further parts. Out: verdict, heat map and regions.

Must not know of SQL, queues or HTTP, nor how a line of parts or a page shows a verdict.
"""
