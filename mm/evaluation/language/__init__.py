"""In: captioned images, and the language model with its trained weights. Out: reports.

Must not know: training, the service, how commands are parsed.
"""
