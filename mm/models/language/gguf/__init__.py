"""In: a GGUF file. Out: its metadata, and its tensors in float32.

Must not know which model the file holds.
"""
