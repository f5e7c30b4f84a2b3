"""In: tasks of evaluations of data sets. Out: their runs, in the folder that the command line uses.

Must not know: HTTP, the scheduling order, how a measure is computed.
"""
