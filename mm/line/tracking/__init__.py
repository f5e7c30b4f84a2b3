"""In: frames of a region. Out: which parts enter, are inside, leave.

Must not know: inspectors, verdicts, sinks.
"""
