"""In: a folder of a user's own files. Out: its items, what was understood, what is wrong where.

Must not know: named data sets, models, how a set is evaluated.
"""
