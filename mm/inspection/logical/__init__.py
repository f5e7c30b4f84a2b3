"""In: good images of a fixed scene, and regions of it that a person named. Out: an inspector that
says whether each region shows what it should, or the right number of something, and no more.
Must not know of commands or of how results are stored.
"""
