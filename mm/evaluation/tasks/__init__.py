"""In: a data set, and the features of its files. Out: an outcome: measures, and values of items.

Must not know: where runs are kept, the service, the command line.
"""
