"""In: a folder that is being filled, or the address of a camera. Out: items of a library.

What was sent is kept in a journal, so that a restart neither loses nor repeats anything. Must not
know: how the service is started, how progress is printed.
"""
