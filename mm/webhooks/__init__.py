"""In: an address, a secret, JSON. Out: requests signed after the Standard Webhooks specification.

Must not know: what is sent, or when it is sent again.
"""
