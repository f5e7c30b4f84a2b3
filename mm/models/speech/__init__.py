"""In: waveforms at 16 kHz. Out: lines of speech with their times.

Must not know how audio is decoded, or how lines become vectors.
"""
