"""Print answers: the text, and below it the cited moments."""

from __future__ import annotations

from collections.abc import Collection

import click

from mm.cli.format import format_span
from mm.embedded.terminal import clean
from mm.schemas import Answer, Citation

AUTHORS = {"extractive": "quotations, without a language model", "exact": "counted or looked up, without a language model"}
MAX_UNLIKELY = 3
"""Less likely hits that are listed below a refusal."""


def print_answer(answer: Answer, *, has_text: bool = False, known_notes: Collection[str] = ()) -> None:
    """Print an answer; notes and what wrote it go to the standard error.

    `has_text` leaves out the text, which has been printed while it was written, and `known_notes`
    the notes that have been printed before. A refusal is followed by its reason and the best hits.
    """
    if not has_text:
        click.echo(clean(answer.text))
    for citation in answer.citations:
        click.echo(f"  [{citation.n}] {format_citation(citation)}")
    if answer.reason is not None and answer.reason != answer.text:
        click.echo(clean(answer.reason), err=True)
    for hit in answer.hits[:MAX_UNLIKELY] if answer.refused else ():
        click.echo(f"  less likely: {clean(hit.item.name)} {format_span(hit.start, hit.end)}".rstrip())
    for note in answer.notes:
        if note not in known_notes:
            click.echo(f"note: {clean(note)}", err=True)
    if answer.citations:  # not for a reply to a command, such as "start over"
        click.echo(f"answered by: {_describe_author(answer)}", err=True)


def _describe_author(answer: Answer) -> str:
    """What wrote an answer, and whether it quotes captions, which a model has written."""
    author = AUTHORS.get(answer.model)
    if author is None:
        return clean(answer.model)
    has_captions = any(citation.evidence == "caption" for citation in answer.citations)
    return f"{author}; captions are written by a model and can be wrong" if has_captions else author


def format_citation(citation: Citation) -> str:
    """A cited moment: name and time range."""
    span = format_span(citation.start, citation.end)
    return f"{clean(citation.name)} {span}".rstrip()
