"""In: open files of images. Out: RGB, upright and of 8 bits; frames of animated images.

Must not know: streams of libav, sampling, child processes.
"""
