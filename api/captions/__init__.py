"""In: ids of items, or an image of a request. Out: captions, stored ones or written now.

Must not know: engines, SQL, how an image becomes the input of a model.
"""
