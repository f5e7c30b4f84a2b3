"""In: an opened file of a known type. Out: a view of it without metadata, with the same pixels.

Nothing is decoded, encoded or written: a view is made of ranges of the file and of a few replaced
bytes. What it keeps is listed; what is not known is left out or overwritten. Memory is bounded,
whatever the file contains. Must not know the catalog, settings or HTTP.
"""
