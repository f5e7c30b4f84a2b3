"""In: regions of successive frames. Out: candidates, each with its region by frame.

Must not know how regions are found or how candidates are exported.
"""
