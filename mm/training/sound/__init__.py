"""In: labelled audio clips, texts, and YAMNet as the teacher.
Out: weights of the sound tower, its calibration, and their card.
Must not know: the image tower's training, the other recipes.
"""
