"""In: questions with their answers, encoded libraries. Out: bands, recall, calibration.

Must not know: how bands are fitted, the command line.
"""
