"""In: a GGUF file, or what one shall hold. Out: metadata and tensors in float32, or the file.

Must not know which model the file holds.
"""
