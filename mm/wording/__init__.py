"""In: the text of a query, and texts of evidence. Out: what the text asks for and what it
excludes, and how its words match the evidence.

Must not know: vectors, the index, HTTP.
"""
