"""In: media that installed packages carry. Out: a table and a page of questions, answers and
whether they are the known truth.

It drives the real service through the client, as anyone would. Must not know: anything that a user
of the service cannot.
"""
