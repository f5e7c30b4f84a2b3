"""In: images of any size. Out: a vector for each patch of 8 x 8 pixels, on a grid over the image.

Must not know what a good part is, nor how vectors are compared.
"""
