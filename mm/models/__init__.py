"""In: pictures, sentences and waveforms as arrays and strings. Out: unit vectors, and spoken lines
with their times.

One file a network. Must not know how media are decoded, which space a vector belongs to, or what a
score means.
"""
