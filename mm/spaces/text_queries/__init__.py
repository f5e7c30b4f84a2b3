"""In: the text of a query, scores of images. Out: heads of its words, bands of its hits.

Must not know: towers, the index, HTTP.
"""
