"""In: translated sentences and descriptions, images to rank.
Out: weights of the multilingual text tower with its router, and their card.
Must not know: calibration, the other recipes.
"""
