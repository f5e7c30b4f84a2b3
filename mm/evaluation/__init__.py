"""In: a space or a weights file, and a data set.
Out: reports of measures with intervals, on the split dev unless another is named.
Must not know: training, the index, the service.
"""
