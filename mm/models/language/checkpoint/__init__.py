"""In: the weights that training adds to a base model. Out: one file of them, and the merged model.

Must not know how the weights were trained, nor which runner multiplies with them.
"""
