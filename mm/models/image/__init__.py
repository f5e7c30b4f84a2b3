"""In: images of any size. Out: unit vectors of a space, by EfficientNet-Lite2 with a projection.

Must not know how images are decoded, which space the vectors belong to, or how it is calibrated.
"""
