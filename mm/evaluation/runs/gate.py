"""Requirements on the measures of a run, for scripts and continuous integration."""

from __future__ import annotations

from collections.abc import Sequence

from mm.errors import InvalidInput
from mm.evaluation.runs.types import Run, RunMeasure
from mm.schemas import RunComparison


def find_measure(run: Run, name: str) -> RunMeasure:
    """The measure of that name. Raises `InvalidInput`, which lists the names that exist."""
    for measure in run.outcome.measures:
        if measure.name == name:
            return measure
    names = "; ".join(measure.name for measure in run.outcome.measures)
    raise InvalidInput(f"The run has no measure '{name}'. Measures are: {names}.")


def parse_requirement(text: str) -> tuple[str, float]:
    """Parse `MEASURE=VALUE`; shares are written in percent, as they are printed.

    Raises `InvalidInput`.
    """
    name, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or not name or number != number:
        raise InvalidInput(f"{text!r} is not a requirement; write MEASURE=VALUE, as in 'text to image, R@5=60'.")
    return name.strip(), number


def check_requirements(run: Run, requirements: Sequence[str]) -> list[str]:
    """Sentences about measures that are worse than required. Raises as the functions above."""
    misses = []
    for text in requirements:
        name, required = parse_requirement(text)
        measure = find_measure(run, name)
        value = _as_printed(measure)
        if value < required if measure.is_higher_better else value > required:
            side = "at least" if measure.is_higher_better else "at most"
            misses.append(f"{name} is {value:.2f}; {side} {required:g} is required.")
    return misses


def list_worse(comparison: RunComparison) -> list[str]:
    """Sentences about measures that are significantly worse in the second run."""
    return [
        f"{row.measure.name} is {_as_printed(row.second):.2f}; significantly worse than {_as_printed(row.measure):.2f} in "
        f"{comparison.first} (p = {row.p_value:.3g})."
        for row in comparison.differences
        if row.is_worse
    ]


def _as_printed(measure: RunMeasure) -> float:
    """The value, in percent where it is a share."""
    return 100 * measure.value if measure.is_share else measure.value
