"""In: captioned images, and what questions are made from. Out: examples as token ids and features.

Must not know how a loss is computed.
"""
