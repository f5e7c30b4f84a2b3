"""In: folders of clips and photos, or none. Out: a simulated set with the files of ActivityNet.

Must not know: models, spaces, how a set is evaluated.
"""
