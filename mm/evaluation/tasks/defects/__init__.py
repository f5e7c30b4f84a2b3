"""In: images of parts of a set, by category. Out: an outcome: how well an inspector finds defects.

Must not know: how an inspector works, where runs are kept, the service.
"""
