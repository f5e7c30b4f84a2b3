"""The interface between a beam search and the keys and values of its hypotheses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from mm.generation.request import Request
    from mm.generation.sequence import Sequence
    from mm.numerics import Float32


class HypothesisCache(Protocol):
    """A network with keys and values of hypotheses. A sequence is a hypothesis in progress."""

    def check(self, request: Request) -> None:
        """Raises `TooLarge` for a request that does not fit, `InvalidInput` for another kind."""
        ...

    def try_start(self, sequence: Sequence, running: Sequences[Request]) -> bool:
        """Take the first sequence of a request beside those in progress.

        False, without a change, when there may later be no room for one of its hypotheses.
        """
        ...

    def compute(self, sequences: Sequences[Sequence]) -> Float32:
        """Compute the tokens of each sequence that are not computed; logits (B, V) after its last.

        Sequences of a request are consecutive.
        """
        ...

    def extend(self, sequence: Sequence) -> None:
        """A token was appended to a sequence that is computed."""
        ...

    def branch(self, parent: Sequence, sequence: Sequence) -> None:
        """A new sequence has the tokens of a computed one, and one more."""
        ...

    def drop(self, sequence: Sequence) -> None:
        """A sequence is not continued."""
        ...

    def end(self, request: Request) -> None:
        """All sequences of a request are dropped."""
        ...
