"""In: translated sentences and descriptions.
Out: weights of the multilingual text tower with its router, and their card.
Must not know: images, calibration, the other recipes.
"""
