"""In: lines of parts that are to run. Out: a process for each, its state and its verdicts.

Must not know: how a line finds and decides parts.
"""
