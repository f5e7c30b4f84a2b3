"""In: good images and settings to compare. Out: the settings that find rendered defects best.

Must not know of real defects: those are for measuring, not for choosing.
"""
