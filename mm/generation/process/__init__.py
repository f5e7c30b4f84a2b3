"""In: a function that makes an engine, and requests. Out: streams of outputs.

Runs the engine in a child process, and starts it again after a failure. Must not know: networks,
HTTP.
"""

from mm.generation.process.engine_process import EngineProcess

__all__ = ["EngineProcess"]
