"""In: requests of the Model Context Protocol. Out: the tools of the library, and their results.
Must not know: how a tool reads the library.
"""
