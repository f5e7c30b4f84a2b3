"""In: arguments of tools as JSON. Out: the definitions of the tools, and types of their results.
Must not know: how the library is searched or stored; the API executes the tools.
"""
