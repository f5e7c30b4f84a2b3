"""In: waveforms at 16 kHz. Out: unit vectors of a space for what sounds, and names of the sounds.

Must not know how audio is decoded, or what the words of speech are.
"""
