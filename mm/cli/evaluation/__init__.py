"""In: options of `mm eval`. Out: a run that is kept, printed and checked.

Must not know: how a measure is computed, the service.
"""
