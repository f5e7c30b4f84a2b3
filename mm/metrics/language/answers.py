"""Answers from evidence: right moment cited, correct refusal, unsupported statement.

A question is answerable when one or more of the moments that the model was given answer it. Its
answer is right when it cites at least one of these and nothing else. An unanswerable question must
be refused. A statement is one sentence of an answer; by default `WordSupport` judges whether the
evidence that it cites supports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap
from mm.metrics.language.word_support import WordSupport
from mm.metrics.report import Measure, Report
from mm.metrics.spans import iou

MIN_IOU = 0.5
TOLERANCE_S = 1.0
"""Cited times are rounded to seconds: less than this is no difference."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of an item, in seconds; start and end are equal for a photo or a point in time."""

    item: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer without its citations, and what it cites."""

    text: str
    citations: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A moment that the model was given, with all its text."""

    moment: Moment
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its evidence and an answer. `right` is empty for an unanswerable question."""

    evidence: tuple[Evidence, ...]
    right: tuple[Moment, ...]
    statements: tuple[Statement, ...]
    is_refusal: bool


Support = Callable[[str, Sequence[str], int], bool]
"""Whether the text of a statement is supported by the texts of the evidence that it cites, given
the number of its citations."""


def is_same_moment(citation: Moment, moment: Moment) -> bool:
    """Whether a citation means the moment.

    It does when the items are equal and the ends each differ by less than `TOLERANCE_S`, when their
    IoU is at least `MIN_IOU`, or when the citation is a point in the moment.
    """
    if citation.item != moment.item:
        return False
    if max(abs(citation.start - moment.start), abs(citation.end - moment.end)) < TOLERANCE_S:
        return True
    if citation.end <= citation.start:
        return moment.start - TOLERANCE_S < citation.start < moment.end
    if moment.end <= moment.start:
        return False
    spans = np.array([(citation.start, citation.end), (moment.start, moment.end)])
    return bool(iou(spans[:1], spans[1:])[0, 0] >= MIN_IOU)


def is_in_evidence(citation: Moment, evidence: Evidence) -> bool:
    """Whether a citation means the moment of the evidence, or a part of it."""
    moment = evidence.moment
    is_part = (
        citation.item == moment.item and citation.start > moment.start - TOLERANCE_S and citation.end < moment.end + TOLERANCE_S
    )
    return is_part or is_same_moment(citation, moment)


def cites_right_moment(case: Case) -> bool:
    """Whether an answer cites at least one right moment and nothing else. A refusal does not."""
    citations = _citations(case)
    return bool(citations) and not case.is_refusal and all(_is_any(citation, case.right) for citation in citations)


def recall_of_moments(case: Case) -> float:
    """Share of the right moments that an answer cites; 0 for a refusal."""
    citations = () if case.is_refusal else _citations(case)
    return float(np.mean([any(is_same_moment(citation, moment) for citation in citations) for moment in case.right]))


def has_foreign_citation(case: Case) -> bool:
    """Whether an answer cites a time or an item that the model was not given."""
    return any(not any(is_in_evidence(citation, evidence) for evidence in case.evidence) for citation in _citations(case))


def unsupported_statements(case: Case, support: Support) -> list[bool]:
    """Whether each statement is unsupported; a refusal makes none."""
    if case.is_refusal:
        return []
    return [not support(statement.text, _texts(case, statement), len(statement.citations)) for statement in case.statements]


def answer_report(
    of: str,
    cases: Sequence[Case],
    groups: npt.NDArray[np.integer] | None = None,
    support: Support | None = None,
) -> Report:
    """Report the measures of answers.

    The bootstrap samples questions, or whole `groups` of them, such as the questions about one
    video. Raises `InvalidInput` for no cases and for groups of another shape.
    """
    if not cases or (groups is not None and groups.shape != (len(cases),)):
        raise InvalidInput(f"{len(cases)} answers cannot be measured, or their groups have another shape.")
    group_Q = np.arange(len(cases)) if groups is None else groups
    is_answerable_Q = np.array([bool(case.right) for case in cases])
    answerable = [case for case in cases if case.right]
    judge = support or WordSupport()
    unsupported = [unsupported_statements(case, judge) for case in cases]
    statement_S = np.array([value for values in unsupported for value in values], np.bool_)
    rows: list[tuple[str, npt.NDArray[np.number | np.bool_], npt.NDArray[np.integer]]] = [
        ("right moment cited", np.array([cites_right_moment(case) for case in answerable]), group_Q[is_answerable_Q]),
        ("right moments, recall", np.array([recall_of_moments(case) for case in answerable]), group_Q[is_answerable_Q]),
        ("answerable, refused", np.array([case.is_refusal for case in answerable]), group_Q[is_answerable_Q]),
        (
            "correct refusal",
            np.array([case.is_refusal for case in cases if not case.right]),
            group_Q[~is_answerable_Q],
        ),
        ("unsupported statement", statement_S, np.repeat(group_Q, [len(values) for values in unsupported])),
        ("citation of what was not given", np.array([has_foreign_citation(case) for case in cases]), group_Q),
    ]
    return Report(of, tuple(Measure(name, bootstrap(values, groups)) for name, values, groups in rows if len(values)))


def _citations(case: Case) -> tuple[Moment, ...]:
    return tuple(citation for statement in case.statements for citation in statement.citations)


def _is_any(citation: Moment, moments: Sequence[Moment]) -> bool:
    return any(is_same_moment(citation, moment) for moment in moments)


def _texts(case: Case, statement: Statement) -> list[str]:
    return [evidence.text for evidence in case.evidence if any(is_in_evidence(c, evidence) for c in statement.citations)]
