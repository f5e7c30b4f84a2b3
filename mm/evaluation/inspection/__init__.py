"""In: a data set of parts, boards or lesions, and a method under test as a callable.
Out: reports of measures with intervals, on the split dev unless another is named.
Must not know: how the method works, training, the index, the service.
"""
