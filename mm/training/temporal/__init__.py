"""In: captioned images and clips.
Out: weights of the temporal network, which finds shot and scene boundaries, and their card.
Must not know: calibration, the other recipes.
"""
