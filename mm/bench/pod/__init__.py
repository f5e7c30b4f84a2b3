"""In: surfaces without defects, a detector. Out: probability of detection by size, size errors.

Defects of known size are rendered onto the surfaces. Must not know: how a detector works.
"""
