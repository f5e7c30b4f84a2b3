"""In: folders of data sets, and lists of texts.
Out: their rows as dataclasses, arrays of images, and synthetic videos and queries made from them.
Must not know: models other than the text tower, training, evaluation.
"""
