"""In: weights of the image tower and captioned images.
Out: its 8-bit ranges and corrections, and what each precision loses on dev. Needs no torch.
Must not know: how the weights are trained.
"""
