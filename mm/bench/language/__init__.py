"""In: a language model. Out: size, load time, throughput, memory and loss of its graphs.

Must not know: requests, prompts.
"""
