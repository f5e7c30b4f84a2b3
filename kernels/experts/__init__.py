"""In: vectors, scores of a router and weights of experts. Out: the weighted sum of the experts.

The layer of `mm.models.language.reference.moe`: sigmoid scores, a selection bias, null experts that
compute nothing. `chained` is the whole layer of one vector; `gathered` reads the experts of each
token, for decoding; `grouped` sorts the tokens by expert, for prompts. `reference` has the same
functions in torch. Must not know models.
"""
