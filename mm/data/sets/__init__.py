"""In: the folder of a data set. Out: its items of one split, and what is wrong with the folder.

Must not know: models, spaces, measures, how a set is evaluated.
"""
