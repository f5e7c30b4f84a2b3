"""In: captioned images, and optionally unlabeled images and a teacher.
Out: weights of the image tower in the space of the text tower, and their card.
Must not know: calibration, the other recipes.
"""
