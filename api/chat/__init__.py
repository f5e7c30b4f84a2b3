"""In: parsed chat completion requests. Out: conversations with media, and responses in OpenAI's
format. Must not know: engines, servers of language models, SQL.
"""
