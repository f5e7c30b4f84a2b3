"""In: a message and the search states of earlier rounds. Out: the command that it is, and the state
after it. Must not know: prompts, models, how moments are found.
"""
