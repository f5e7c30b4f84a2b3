"""Captions by the chat model of the service, several images at once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from mm.generation import SamplingParams
from mm.generation.caption_ranking import GeneratedCaption
from mm.generation.captioner import MAX_TOKENS, clean_caption
from mm.generation.chat.local import LocalChat
from mm.generation.chat.types import ChatMessage, ChatRequest
from mm.models.language.caption_prompt import CAPTION_REQUEST
from mm.schemas import Caption

if TYPE_CHECKING:
    from api.captions.plan import CaptionPlan, Uncaptioned
    from mm.generation.chat.types import ChatModel


@dataclass(frozen=True, slots=True)
class PlannedCaption:
    """A caption of a response."""

    caption: Caption
    logprob: float | None = None
    """Mean log probability of its tokens; None for a stored caption, and where the model reports
    none."""
    candidates: tuple[GeneratedCaption, ...] = ()
    """Of beam search, among which the image decides; empty for a caption without a search."""


async def write_captions(model: ChatModel, plan: CaptionPlan, key: str) -> list[PlannedCaption]:
    """Write the missing captions of a plan: by beam search as in the library, where the model has
    one, or by greedy decoding.

    Returns one for each entry, with the text '' where the model wrote none.

    Raises what the model raises; the other captions in progress are then cancelled.
    """
    num_beams = await asyncio.to_thread(lambda: model.num_beams) if isinstance(model, LocalChat) else 1
    tasks = {
        place: asyncio.create_task(_write(model, entry, key, num_beams))
        for place, entry in enumerate(plan.entries)
        if not isinstance(entry, Caption)
    }
    try:
        await asyncio.gather(*tasks.values())
    finally:  # of a task that failed, or a request that was cancelled
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return [
        PlannedCaption(entry) if isinstance(entry, Caption) else tasks[place].result() for place, entry in enumerate(plan.entries)
    ]


async def _write(model: ChatModel, entry: Uncaptioned, key: str, num_beams: int) -> PlannedCaption:
    # Only a confidence needs log probabilities, and some servers refuse to report them.
    logprobs = 0 if entry.image.vector_D.size and num_beams == 1 else None
    params = SamplingParams(max_tokens=MAX_TOKENS, temperature=0.0, logprobs=logprobs, num_beams=num_beams)
    message = ChatMessage("user", CAPTION_REQUEST, (entry.image,))
    deltas = model.stream_async(ChatRequest((message,), params, key=key, task="caption"))
    async with aclosing(deltas):
        received = [delta async for delta in deltas]
    candidates = tuple(
        GeneratedCaption(clean_caption(candidate.text), candidate.mean_logprob)
        for delta in received
        for candidate in delta.candidates
    )
    text = clean_caption("".join(delta.text for delta in received))
    token_logprobs = [token.logprob for delta in received for token in delta.logprobs]
    caption = Caption(item_id=entry.item_id, start=entry.start, end=entry.end, text=text, model=model.name)
    return PlannedCaption(caption, fmean(token_logprobs) if token_logprobs else None, candidates)
