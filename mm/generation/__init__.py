"""In: requests (token ids, media embeddings, sampling parameters). Out: tokens and text, streamed.

Continuous batching over a paged key-value cache that the runner owns; this package keeps only its
block tables. Must not know: networks, tokenizer files, HTTP, processes, prompts.
"""

from mm.generation.beam import BeamOutput, BeamSearch
from mm.generation.engine import Engine, EngineConfig
from mm.generation.grammar import Choice, JsonSchema, Pattern, TaggedJson
from mm.generation.metrics import EngineMetrics
from mm.generation.request import MediaSpan, Request, RequestOutput, SamplingParams, TokenLogprobs
from mm.generation.runner import Runner, StepBatch
from mm.generation.vocabulary import Vocabulary

__all__ = [
    "BeamOutput",
    "BeamSearch",
    "Choice",
    "Engine",
    "EngineConfig",
    "EngineMetrics",
    "JsonSchema",
    "MediaSpan",
    "Pattern",
    "Request",
    "RequestOutput",
    "Runner",
    "SamplingParams",
    "StepBatch",
    "TaggedJson",
    "TokenLogprobs",
    "Vocabulary",
]
