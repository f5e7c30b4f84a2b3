"""In: images, texts and waveforms, as arrays. Out: unit vectors, lines of text or of speech.

One package a modality, one file a network. Must not know how media are decoded, which space a
vector belongs to, or what a score means.
"""
