"""In: options of one command. Out: its results on standard output, status on standard error.

One module or package per command of `mm`, with a click command `command`. At their top these import
only click and `mm.cli.options`, so that help stays fast. Must not know: each other.
"""
