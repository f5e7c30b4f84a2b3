"""In: files of a data set. Out: their vectors in a space, kept by content and space.

Must not know: annotations, measures, runs.
"""
