"""In: weights, and the batches of the engine's steps. Out: logits, by a network over paged keys and
values. Must not know: requests, grammars, processes, chat.
"""
