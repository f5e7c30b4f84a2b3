"""In: the routings of a model in training. Out: even use of experts, rounded experts, controls.

Must not know what the tokens mean.
"""
