"""In: the name of an open_clip model. Out: an image tower and a text tower in one space.

Must not know how a space is stored or calibrated. Needs torch and open_clip.
"""
