"""In: token ids, media and a model. Out: losses of sequences, and generated sequences.

Must not know where examples come from.
"""
