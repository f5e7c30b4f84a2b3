"""In: questions, their conversation, and items to summarize. Out: answers and summaries of the API,
whole or as server-sent events. Must not know: how a search ranks, how a model generates.
"""
