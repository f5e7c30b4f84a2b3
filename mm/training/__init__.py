"""In: data sets in folders and a recipe. Out: a checkpoint in half precision or 8 bits, and a card
that states recipe and results. Most recipes import torch, so nothing that serves imports them.

Must not know: the index, the workers, the web.
"""
