"""In: a folder of captioned images in any usual layout. Out: items of a split, problems.

Must not know: models, how a set is evaluated; what a data set is named comes in a `CaptionSet`.
"""
