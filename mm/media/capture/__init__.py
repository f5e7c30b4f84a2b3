"""In: an opened image, or the tags of a container. Out: when, where and with what it was taken.

Must not know files, children or the catalog. Runs in a decoding child; no input raises an error.
"""
