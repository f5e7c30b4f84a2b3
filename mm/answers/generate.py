"""The request for a model that writes an answer over a prompt."""

from __future__ import annotations

import re

from mm.answers.ask import Prepared
from mm.answers.check import AnswerWriter
from mm.answers.evidence import REFUSAL
from mm.answers.prompt import Prompt
from mm.generation.chat.local import LocalChat
from mm.generation.chat.types import ChatMessage, ChatModel, ChatRequest
from mm.generation.grammar import Pattern
from mm.generation.request import SamplingParams
from mm.models.language.smollm2 import BUILTIN

MAX_SENTENCES = 12
"""Sentences of an answer under the grammar."""
TASK = "answer"


def build_request(model: ChatModel, prompt: Prompt, max_tokens: int, key: str = "") -> ChatRequest:
    """The request for a prompt. It is greedy: the same question has the same answer.

    A model of this machine can only write the refusal, or sentences that cite given moments.
    """
    grammar = make_citation_grammar(len(prompt.moments)) if isinstance(model, LocalChat) else None
    params = SamplingParams(max_tokens=max_tokens, temperature=0.0, grammar=grammar)
    messages = tuple(ChatMessage(message.role, message.content) for message in prompt.messages)
    return ChatRequest(messages, params, key=key, task=TASK)


def make_writer(model: ChatModel, prepared: Prepared, prompt: Prompt) -> AnswerWriter:
    """The check of what a model writes. The built-in model must cite relevant moments.

    It is small, and sometimes describes any moment; a larger model finds moments by their meaning.
    """
    is_builtin = isinstance(model, LocalChat) and model.name == BUILTIN
    return AnswerWriter(prompt, prepared.relevant if is_builtin else None)


def make_citation_grammar(num_moments: int) -> Pattern:
    """The refusal, or sentences of which each ends with citations of the moments 1 to a number."""
    numbers = "|".join(str(number) for number in range(1, num_moments + 1))
    sentence = rf"[^\[\]\n]+(\[({numbers})\]){{1,{num_moments}}}\. ?"
    return Pattern(rf"{re.escape(REFUSAL)}|({sentence}){{1,{MAX_SENTENCES}}}")
