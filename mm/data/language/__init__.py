"""In: captions of images, split by image.
Out: the training and evaluation data of the language model: captions, questions, conversations.
Must not know: the prompt format, tokenizers, models.
"""
