"""In: data sets in folders and a recipe.
Out: a checkpoint in half precision or 8 bits, and a card that states recipe and results.
Must not know: the index, the workers, the web; nothing that serves imports it, since most recipes
import torch.
"""
