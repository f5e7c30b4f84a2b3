"""Captions of a response: selected by the image, those too improbable left out with a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.captions.plan import Uncaptioned
from mm.generation.caption_ranking import CaptionRanking
from mm.schemas import Caption, CaptionList
from mm.spaces.caption_confidence import measure_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.captions.plan import CaptionPlan
    from api.captions.write import PlannedCaption
    from api.service import Service

NOTE = "Captions that are left out because they are too improbable (MM_CAPTION_CONFIDENCE): {}."


def judge_captions(service: Service, plan: CaptionPlan, captions: Sequence[PlannedCaption]) -> CaptionList:
    """The captions of a plan, with the confidence of those that were written for it. Blocks.

    `captions` has one for each entry of the plan. Of the candidates of a beam search, the one that
    the ranking of the library selects is taken. A caption of a model that is given files, or that
    reports no log probabilities, has no confidence, and is not left out.
    """
    kept: list[Caption] = []
    num_hidden = plan.num_hidden
    with service.spaces.acquire() as served:
        for entry, planned in zip(plan.entries, captions, strict=True):
            caption, logprob = planned.caption, planned.logprob
            if isinstance(entry, Uncaptioned) and planned.candidates:
                ranking = CaptionRanking(served.space.text, served.space.caption_heads)
                selected = ranking.select(planned.candidates, entry.image.vector_D)
                caption, logprob = caption.model_copy(update={"text": selected.text}), selected.logprob
            if not caption.text:
                continue
            if isinstance(entry, Uncaptioned) and entry.image.vector_D.size and logprob is not None:
                confidence = measure_confidence(served.space, caption.text, entry.image.vector_D, logprob)
                if confidence < service.settings.caption_confidence:
                    num_hidden += 1
                    continue
                caption = caption.model_copy(update={"confidence": confidence})
            kept.append(caption)
    return CaptionList(captions=kept, notes=[*plan.notes, *make_note(num_hidden)])


def make_note(num_hidden: int) -> list[str]:
    """A note on captions that are left out; none where none are."""
    return [NOTE.format(num_hidden)] if num_hidden else []
