"""In: labelled video clips, encoded by a space with a temporal network.
Out: a head that classifies the action of a clip, its card, and an evaluation. Needs no torch.
Must not know: the other recipes.
"""
