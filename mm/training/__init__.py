"""In: captioned pictures in folders and a configuration. Out: a checkpoint in half precision and a card that says how it was
made. Torch is imported here, so nothing that serves imports this.

Must not know the index, the workers or the web.
"""
