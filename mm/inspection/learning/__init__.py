"""In: images with marked defects or rendered cracks. Out: a head and its held-out results.

Must not know of persons, marks or versions.
"""
