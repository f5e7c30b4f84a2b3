"""In: the memory of a machine. Out: language models that it can run, from a table with dates.

Must not know: how a model is run, the settings.
"""
