"""In: settings. Out: the checks of `mm doctor`, each with its result and what to do.

A check never raises: a failure is its result. Must not know: how the results are printed.
"""
