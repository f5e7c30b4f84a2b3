"""In: tested boards with templates and marked defects. Out: the verifier of template inspectors.

Must not know of commands.
"""
