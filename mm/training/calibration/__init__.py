"""In: captioned images, spoken captions and lists of texts, encoded by a space.
Out: the calibration of the space, its bank of reference vectors, and the trade-off of its floor.
Must not know: how the towers are trained.
"""
