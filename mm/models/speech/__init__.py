"""In: waveforms at 16 kHz. Out: lines of speech with their times and language.

Must not know how audio is decoded, or how lines become vectors. The library of a recognizer is
loaded only by a child process (`child.py`), which `process.py` starts and replaces.
"""
