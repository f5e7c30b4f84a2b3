"""In: pixels of an image and the vectors of its patches. Out: the log odds of a marked defect.

Must not know of marks, files or verdicts, nor of the bank of good parts.
"""
