"""In: sizes of evaluations. Out: their duration and memory, beside the plain method.

Must not know: data sets, the service.
"""
