"""In: settings of one home folder. Out: a running broker, API and worker, and a client of them.

The supervisor starts, restarts and stops the processes; locks keep one supervisor per home folder.
Must not know: what the processes do, the command line, the benches.
"""
