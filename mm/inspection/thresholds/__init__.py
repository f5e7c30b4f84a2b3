"""In: held-out scores of good images, by group. Out: p-values, thresholds and their bounds.

Must not know how scores are computed.
"""
