"""Two runs on the same items: differences with intervals, and the items that changed most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput
from mm.evaluation.runs.rankings import Pairs, compare_rankings, ranking_key
from mm.evaluation.runs.scores import AUROC, compare_auroc
from mm.evaluation.runs.statistics import compare_values, group_indexes, is_of_values
from mm.evaluation.runs.sums import compare_sums_of, sums_key
from mm.evaluation.runs.types import ItemRecord, Run, RunMeasure, Statistic
from mm.metrics.bootstrap import Interval
from mm.metrics.paired import Paired

SIGNIFICANT = 0.05
NUM_CHANGED = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of two runs, and second minus first."""

    measure: RunMeasure
    """Of the first run."""
    second: RunMeasure
    difference: Interval | None
    """None for a measure of neither values nor evidence of items, and where items lack these."""
    p_value: float | None
    num_items: int
    """Items that both runs have."""

    @property
    def is_worse(self) -> bool:
        """Whether the second run is significantly worse."""
        return self._significant_sign() < 0

    @property
    def is_better(self) -> bool:
        """Whether the second run is significantly better."""
        return self._significant_sign() > 0

    def _significant_sign(self) -> int:
        """1 for better, -1 for worse, 0 where neither is significant."""
        if self.difference is None or self.p_value is None or self.p_value >= SIGNIFICANT or self.difference.value == 0:
            return 0
        return 1 if (self.difference.value > 0) == self.measure.is_higher_better else -1


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """An item whose value differs between the runs."""

    first: ItemRecord
    second: ItemRecord
    key: str
    change: float
    """Second minus first; of a rank, the difference of its reciprocals."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, their differences and the items that changed most, the worst first."""

    first: Run
    second: Run
    differences: tuple[Difference, ...]
    worse: tuple[ChangedItem, ...]
    better: tuple[ChangedItem, ...]
    notes: tuple[str, ...]


def compare_runs(first: Run, second: Run, num_changed: int = NUM_CHANGED) -> Comparison:
    """Compare two runs item by item.

    Raises `InvalidInput` for runs of different sets, splits or tasks, and without a common item.
    """
    for field in ("set_name", "split", "task"):
        values = [getattr(run.signature, field) for run in (first, second)]
        if values[0] != values[1]:
            named = field.replace("_name", "")
            raise InvalidInput(
                f"{first.id} and {second.id} cannot be compared: their {named}s are '{values[0]}' and '{values[1]}'."
            )
    of_second = {measure.name: measure for measure in second.outcome.measures}
    shared = _pair_items(first, second)
    if not shared and any(is_of_values(measure.statistic) and measure.of for measure in first.outcome.measures):
        raise InvalidInput(f"{first.id} and {second.id} have no item in common.")
    has_same_classes = first.outcome.classes == second.outcome.classes
    differences = [
        _compare(measure, of_second[measure.name], shared, has_same_classes)
        for measure in first.outcome.measures
        if measure.name in of_second
    ]
    keys = [measure.of for measure in first.outcome.measures if measure.of]
    changed = _list_changed(shared, keys[0], _is_rank(first, keys[0])) if keys else []
    worse = [item for item in changed if _sign(first, item.key) * item.change < 0]
    better = [item for item in changed if _sign(first, item.key) * item.change > 0]
    return Comparison(
        first, second, tuple(differences), tuple(worse[:num_changed]), tuple(better[:num_changed]),
        tuple(_describe_changes(first, second, len(shared))),
    )  # fmt: skip


def _pair_items(first: Run, second: Run) -> Pairs:
    of_second = {item.id: item for item in second.outcome.items}
    return [(item, of_second[item.id]) for item in first.outcome.items if item.id in of_second]


def _compare(measure: RunMeasure, second: RunMeasure, shared: Pairs, has_same_classes: bool) -> Difference:
    if measure.statistic != second.statistic:
        return Difference(measure, second, None, None, 0)
    if key := _find_key(measure):
        kept = [(a, b) for a, b in shared if a.evidence.get(key) and b.evidence.get(key)]
        return _describe(measure, second, _compare_evidence(measure.statistic, key, kept, has_same_classes), len(kept))
    having = [(a, b) for a, b in shared if measure.of in a.values and measure.of in b.values]
    if not having or not is_of_values(measure.statistic):
        return Difference(measure, second, None, None, len(having))
    values = [np.array([item.values[measure.of] for item in side]) for side in zip(*having, strict=True)]
    paired = compare_values(measure.statistic, values[0], values[1], group_indexes([a for a, _ in having]))
    return _describe(measure, second, paired, len(having))


def _find_key(measure: RunMeasure) -> str:
    """Key of the evidence that a measure takes; empty for one of values."""
    usual = AUROC if measure.statistic == AUROC else sums_key(measure.statistic) or ranking_key(measure.statistic)
    return usual and (measure.evidence or usual)


def _compare_evidence(statistic: Statistic, key: str, pairs: Pairs, has_same_classes: bool) -> Paired | None:
    """None where these items do not suffice, and for rankings of different classes."""
    if not pairs:
        return None
    groups_Q = group_indexes([first for first, _ in pairs])
    if statistic == AUROC:
        return compare_auroc(key, pairs, groups_Q)
    if not ranking_key(statistic):
        return compare_sums_of(statistic, key, pairs, groups_Q)
    return compare_rankings(statistic, key, pairs, groups_Q) if has_same_classes else None


def _describe(measure: RunMeasure, second: RunMeasure, paired: Paired | None, num_items: int) -> Difference:
    if paired is None:
        return Difference(measure, second, None, None, num_items)
    return Difference(measure, second, paired.difference, paired.p_value, num_items)


def _is_rank(run: Run, key: str) -> bool:
    return any(measure.of == key and measure.statistic.startswith("recall@") for measure in run.outcome.measures)


def _sign(run: Run, key: str) -> int:
    """1 where a larger change is better. Ranks are compared by their reciprocals."""
    if _is_rank(run, key):
        return 1
    return 1 if next(measure for measure in run.outcome.measures if measure.of == key).is_higher_better else -1


def _list_changed(shared: Sequence[tuple[ItemRecord, ItemRecord]], key: str, is_rank: bool) -> list[ChangedItem]:
    changed = []
    for a, b in shared:
        if key not in a.values or key not in b.values:
            continue
        before, after = a.values[key], b.values[key]
        change = 1 / after - 1 / before if is_rank else after - before
        if change:
            changed.append(ChangedItem(a, b, key, change))
    return sorted(changed, key=lambda item: -abs(item.change))


def _describe_changes(first: Run, second: Run, num_shared: int) -> list[str]:
    """What differs between the signatures, and items that only one run has."""
    notes = []
    for field in ("method", "runtime", "code", "set_version", "tokenizer", "references"):
        values = [getattr(run.signature, field) for run in (first, second)]
        if values[0] != values[1]:
            notes.append(f"{field.replace('_', ' ')}: {values[0]} and {values[1]}")
    if first.outcome.classes != second.outcome.classes:
        notes.append("different classes: mean average precision is not paired")
    weights = [run.signature.weights for run in (first, second)]
    if changed := sorted(name for name in weights[0].keys() | weights[1].keys() if weights[0].get(name) != weights[1].get(name)):
        notes.append(f"different weights: {', '.join(changed)}")
    alone = [len(run.outcome.items) - num_shared for run in (first, second)]
    if any(alone):
        notes.append(f"{alone[0]} items are only in the first run and {alone[1]} only in the second; they are left out")
    return notes
