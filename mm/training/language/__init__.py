"""In: the language model and batches of tokens. Out: trained experts.

Must not know how answers are made, or what a request is.
"""
