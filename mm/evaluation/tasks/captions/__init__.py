"""In: images of a set with captions. Out: an outcome: how good the captions of the model are.

Must not know: how the model works, where runs are kept, the service.
"""
