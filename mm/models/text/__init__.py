"""In: texts in English and other languages. Out: unit vectors of the sentence space.

Must not know what a query is, or what a score means.
"""
