"""In: an image and a reference image. Out: the rigid motion between them, and how well it fits.

Must not know of patches, banks or verdicts.
"""
