"""In: a folder of ActivityNet, or sources of a simulated one. Out: its items, or such a folder.

Must not know: models, spaces, how a set is evaluated.
"""
