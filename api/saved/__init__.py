"""In: saved searches, and publications of the catalog. Out: their matches, also by webhook.

Must not know: HTTP, or how a search is run.
"""
