"""In: the name of a tool and its arguments. Out: its result, read from the index and the catalog.
Must not know: who calls it: an assistant over MCP, or the agent.
"""
