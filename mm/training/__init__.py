"""In: captioned pictures in folders and a configuration. Out: a checkpoint in half precision and a
card that says how it was made. Recipes import torch, so nothing that serves imports them.

Must not know the index, the workers or the web.
"""
