"""In: the questions of `datasets/everyday` and annotated pictures. Out: which pictures answer them.

Must not know: models, scores, how an evaluation is reported.
"""
