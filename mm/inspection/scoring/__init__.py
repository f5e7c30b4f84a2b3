"""In: distances of the patches of an image. Out: its score, its heat map and regions in pixels.

Must not know how distances are computed, nor which score is a defect.
"""
