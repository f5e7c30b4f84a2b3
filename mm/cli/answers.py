"""Print answers: the text, and below it the cited moments."""

from __future__ import annotations

import click

from mm.cli.format import format_span
from mm.embedded.terminal import clean
from mm.schemas import Answer, Citation

AUTHORS = {"extractive": "quotations, without a language model", "exact": "counted or looked up, without a language model"}


def print_answer(answer: Answer, *, has_text: bool = False) -> None:
    """Print an answer; notes and what wrote it go to the standard error.

    `has_text` leaves out the text, which has been printed while it was written.
    """
    if not has_text:
        click.echo(clean(answer.text))
    for citation in answer.citations:
        click.echo(f"  [{citation.n}] {format_citation(citation)}")
    if answer.reason is not None:
        click.echo(clean(answer.reason), err=True)
    for note in answer.notes:
        click.echo(f"note: {clean(note)}", err=True)
    if not answer.refused:
        click.echo(f"answered by: {AUTHORS.get(answer.model, clean(answer.model))}", err=True)


def format_citation(citation: Citation) -> str:
    """A cited moment: name and time range."""
    span = format_span(citation.start, citation.end)
    return f"{clean(citation.name)} {span}".rstrip()
