"""In: vectors of patches of good parts. Out: the distance of other vectors from them.

Must not know of images, grids or verdicts.
"""
