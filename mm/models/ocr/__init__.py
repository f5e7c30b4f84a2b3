"""In: images of any size. Out: the lines of text in them, with confidence and position.

Must not know how images are decoded, or what becomes of the text.
"""
