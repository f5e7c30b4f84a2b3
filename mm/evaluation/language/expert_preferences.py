"""Groups of experts by measured use, and what preferring and avoiding each of them changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.expert_preference import ExpertGroups

if TYPE_CHECKING:
    from mm.evaluation.language.routing import Document, Routed, RoutingModel
    from mm.numerics import Float32

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Progress = Callable[[str], None]
"""Called with a line of text."""

PREFERRED_RATIO = 2.0
"""The experts of a group, for the report: used so many times as often as by the average task."""


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """One preference. Losses are in nats a token of the expected texts."""

    preference: str
    """Name of a group, with a minus to avoid it; empty for none."""
    group: str
    """Whose documents and experts are measured."""
    use: float
    """Share of the assignments to real experts that go to those of the group, on its documents."""
    group_loss: float
    other_loss: float
    """On the documents of the other groups."""


@dataclass(frozen=True, slots=True)
class PreferenceReport:
    """For each group: without a preference, preferred, avoided."""

    num_documents: int
    rows: list[PreferenceRow]

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        table = [
            f"| {row.preference or 'none'} | {row.group} | {row.use:.3f} | {row.group_loss:.3f} | {row.other_loss:.3f} |"
            for row in self.rows
        ]
        header = f"| preference | of ({self.num_documents} documents) | use of its experts | loss on its task | loss on others |"
        return [header, "| --- | --- | --- | --- | --- |", *table]


def divide_documents(documents: Sequence[Document], num_held_out: int) -> tuple[list[Document], list[Document]]:
    """Documents for the groups, and the last `num_held_out` of each group for the preferences.

    Raises `InvalidInput` for a group without other documents.
    """
    by_group: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_group[document.group].append(document)
    for group, members in by_group.items():
        if len(members) <= num_held_out:
            raise InvalidInput(f"There are {len(members)} documents of the group {group}; more than {num_held_out} are needed.")
    measured = [document for members in by_group.values() for document in members[:-num_held_out]]
    return measured, [document for members in by_group.values() for document in members[-num_held_out:]]


def measure_groups(
    model: RoutingModel, documents: Sequence[Document], additions_sha256: str, on_progress: Progress
) -> ExpertGroups:
    """The use of the experts by each group of documents.

    Of documents with an image, the tokens from the image on are counted: those before it are equal.
    """
    config = model.config
    loads: dict[str, Float32] = defaultdict(lambda: np.ones((config.num_moe_layers, config.num_experts), np.float32))
    for number, document in enumerate(documents, start=1):
        first = 0 if document.image is None else len(document.before)
        experts_TLK = model.run(document).experts_TLK[first:]
        loads[document.group] += _count(experts_TLK, config.num_experts)
        on_progress(f"groups: {number:,} of {len(documents):,} documents")
    return ExpertGroups(additions_sha256, {name: load / load.sum(1, keepdims=True) for name, load in loads.items()})


def evaluate_preferences(
    model: RoutingModel, groups: ExpertGroups, documents: Sequence[Document], on_progress: Progress
) -> PreferenceReport:
    """Run all documents without a preference, and with and against each group."""
    rows: list[PreferenceRow] = []
    baseline = [model.run(document) for document in documents]
    for group in groups.names:
        is_of_group = [document.group == group for document in documents]
        experts_ME = _select_experts(groups, group)
        rows.append(_make_row("", group, baseline, is_of_group, experts_ME))
        for preference in (group, f"-{group}"):
            bias_MA = groups.make_bias(model.config, [preference])
            routed = [model.run(document, bias_MA) for document in documents]
            rows.append(_make_row(preference, group, routed, is_of_group, experts_ME))
            on_progress(f"preference {preference}")
    return PreferenceReport(len(documents), rows)


def _make_row(
    preference: str, group: str, routed: Sequence[Routed], is_of_group: Sequence[bool], experts_ME: Bool
) -> PreferenceRow:
    chosen, total = 0.0, 0.0
    for of_document, is_measured in zip(routed, is_of_group, strict=True):
        if is_measured:
            for layer, real in enumerate(_count(of_document.experts_TLK, experts_ME.shape[1])):
                chosen += float(real[experts_ME[layer]].sum())
                total += float(real.sum())
    losses = np.array([of_document.loss for of_document in routed])
    mask = np.array(is_of_group)
    other = float(losses[~mask].mean()) if (~mask).any() else float("nan")
    return PreferenceRow(preference, group, chosen / max(total, 1), float(losses[mask].mean()), other)


def _select_experts(groups: ExpertGroups, group: str) -> Bool:
    """Whether each expert (M, E) belongs to the group for the report."""
    average_ME = np.mean(list(groups.shares_ME.values()), axis=0)
    is_preferred: Bool = groups.shares_ME[group] >= PREFERRED_RATIO * average_ME
    return is_preferred


def _count(experts_TLK: Int, num_experts: int) -> Float32:
    """Assignments (L, E) of real experts."""
    layers = range(experts_TLK.shape[1])
    counts = [np.bincount(experts_TLK[:, layer].ravel(), minlength=num_experts)[:num_experts] for layer in layers]
    return np.array(counts, np.float32)
