"""In: the sources of a split.
Out: questions over several retrieved moments, with answers that cite them.
Must not know: the prompt format, search scripts.
"""
