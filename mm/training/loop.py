"""A training loop that saves the state of a run and resumes from it with the same result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.training.checkpoint import RunState, read_state, write_state


class Run(Protocol):
    """One training run, in units of epochs or of steps."""

    device: torch.device
    num_done: int
    """Units that are complete."""

    def advance(self) -> Tensor:
        """Run the next unit; return its mean loss."""
        ...

    def state(self) -> RunState:
        """All that the next unit depends on."""
        ...

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingLoop:
    """Where the state of a run is saved, and how often."""

    path: Path
    recipe: str
    """Identifies the recipe: a state saved under another one is refused."""
    num_units: int
    save_every: int = 1
    writes: bool = True
    """False in every process of a distributed run but the first."""

    def train(self, run: Run) -> Iterator[tuple[int, Tensor]]:
        """Resume from the saved state, if any, and run to the end.

        Yields the number of units done and the loss, after each unit and after it is saved. Raises
        `InvalidInput` for the state of another recipe, `Corrupt` for a file that is not a state.
        """
        saved = read_state(self.path, run.device)
        if saved is not None:
            if saved["recipe"] != self.recipe:
                raise InvalidInput(f"{self.path} belongs to another recipe; choose another output folder or remove it.")
            run.restore(saved)
        while run.num_done < self.num_units:
            loss = run.advance()
            if self.writes and self.is_saved(run.num_done):
                write_state(self.path, {**run.state(), "recipe": self.recipe})
            yield run.num_done, loss

    def is_saved(self, num_done: int) -> bool:
        """Whether the state is saved after this unit."""
        return num_done % self.save_every == 0 or num_done == self.num_units
