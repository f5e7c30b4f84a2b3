"""In: a run, earlier runs of the same set, published numbers, the files of the set.
Out: one HTML file that loads nothing from a network.

Must not know: how anything was measured, where runs are kept.
"""
