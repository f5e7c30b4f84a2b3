"""In: the arguments of `mm watch`. Out: lines about what is uploaded, recorded and deleted.

Must not know: how a folder is walked, how a stream is cut.
"""
