"""Experts in host memory, with the most recently used ones in slots on the device.

A model whose experts are larger than the memory of a GPU needs few of them for a token. A layer
copies the experts that it lacks into the slots that were not used for the longest time. With a
prediction it also starts to copy those that the next layer will probably select, while its own are
computed (Eliseev and Mazur 2023, arXiv:2312.17238): the router of the next layer is applied to the
current hidden state. That raises the share of hits; `mm bench serving` measures if it saves time.
The result is the same as with all experts on the device.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from mm.generation.runners.torch_ops import Ops


@dataclass(frozen=True, slots=True, eq=False)
class HostExperts:
    """The experts of one layer in host memory; pinned for a GPU, for asynchronous copies."""

    gate_up_EIW: Tensor
    down_EWI: Tensor


@dataclass(slots=True)
class CacheCounts:
    """Experts that layers needed, by where they were, and copies for predictions."""

    num_hits: int = 0
    num_misses: int = 0
    num_prefetched: int = 0
    num_useful_prefetches: int = 0
    """Needed by the next layer."""

    @property
    def hit_rate(self) -> float:
        """Share of the needed experts that were in a slot, or on their way into one."""
        return self.num_hits / max(1, self.num_hits + self.num_misses)


class ExpertCache:
    """Slots for the experts of all layers. Belongs to one thread."""

    def __init__(self, layers: Sequence[HostExperts], num_slots: int, num_experts_per_tok: int, device: torch.device) -> None:
        """Raises `InvalidInput` when a token may need more experts than there are slots."""
        if num_slots < num_experts_per_tok:
            raise InvalidInput(f"{num_slots} expert slots are fewer than the {num_experts_per_tok} experts of a token.")
        self._layers, self._device = layers, device
        first = layers[0]
        self._gate_up_SIW = torch.empty((num_slots, *first.gate_up_EIW.shape[1:]), dtype=first.gate_up_EIW.dtype, device=device)
        self._down_SWI = torch.empty((num_slots, *first.down_EWI.shape[1:]), dtype=first.down_EWI.dtype, device=device)
        self._slots: OrderedDict[tuple[int, int], int] = OrderedDict()  # (layer, expert), the least recently used first
        self._free = list(range(num_slots))
        self._predicted: set[tuple[int, int]] = set()
        self._copied: dict[int, torch.cuda.Event] = {}  # by slot: its last copy, if that may still run
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.counts = CacheCounts()

    @property
    def num_slots(self) -> int:
        return len(self._down_SWI)

    def add_experts(
        self,
        ops: Ops,
        layer: int,
        x_TW: Tensor,
        indices_TK: Tensor,
        weights_TK: Tensor,
        base_TW: Tensor,
        next_indices_TK: Tensor | None = None,
    ) -> Tensor:
        """Like `Ops.add_experts` with the experts of a layer; `next_indices_TK` is a prediction.

        Reading the indices waits for the device, so that no slot is in use when it is overwritten.
        """
        both = indices_TK if next_indices_TK is None else torch.cat([indices_TK, next_indices_TK])
        rows: list[list[int]] = both.tolist()
        num_experts, num_tokens = len(self._layers[layer].down_EWI), len(x_TW)
        results: list[Tensor] = []
        for first, last in self._divide(rows[:num_tokens], num_experts):
            if results and self._stream is not None:
                torch.cuda.current_stream(self._device).synchronize()
            needed = sorted({expert for row in rows[first:last] for expert in row if expert < num_experts})
            self._fetch(layer, needed)
            if next_indices_TK is not None and last == num_tokens:
                self._prefetch(layer + 1, needed, layer, rows[num_tokens:])
            slots = [[self._slots.get((layer, expert), self.num_slots) for expert in row] for row in rows[first:last]]
            slots_TK = torch.tensor(slots, dtype=torch.int32, device=self._device)
            part = slice(first, last)
            results.append(
                ops.add_experts(
                    x_TW[part], slots_TK, weights_TK[part], self._gate_up_SIW, self._down_SWI, base_TW[part].contiguous()
                )
            )
        return torch.cat(results)

    def _divide(self, rows: list[list[int]], num_experts: int) -> Iterable[tuple[int, int]]:
        """Ranges of tokens whose experts fit in the slots together."""
        first, needed = 0, set[int]()
        for token, row in enumerate(rows):
            experts = {expert for expert in row if expert < num_experts}
            if len(needed | experts) > self.num_slots:
                yield first, token
                first, needed = token, set()
            needed |= experts
        yield first, len(rows)

    def _fetch(self, layer: int, experts: Sequence[int]) -> None:
        """Put all of these into slots, and let the current stream wait for their copies."""
        for expert in experts:  # first: those that are here must not be evicted for the others
            if (layer, expert) in self._slots:
                self._slots.move_to_end((layer, expert))
                self.counts.num_hits += 1
                self.counts.num_useful_prefetches += (layer, expert) in self._predicted
        self._predicted.clear()
        missing = [expert for expert in experts if (layer, expert) not in self._slots]
        self.counts.num_misses += len(missing)
        self._copy(layer, missing)
        if self._stream is not None:
            events = {id(event): event for expert in experts if (event := self._copied.pop(self._slots[layer, expert], None))}
            for event in events.values():
                torch.cuda.current_stream(self._device).wait_event(event)

    def _prefetch(self, layer: int, needed: Sequence[int], current: int, rows: list[list[int]]) -> None:
        """Start to copy predicted experts into slots other than those of `needed`."""
        num_experts = len(self._layers[layer].down_EWI)
        predicted = list(dict.fromkeys(expert for row in rows for expert in row if expert < num_experts))
        predicted = predicted[: max(0, self.num_slots - len(needed))]
        for expert in predicted:
            if (layer, expert) in self._slots:
                self._slots.move_to_end((layer, expert))
        for expert in needed:
            self._slots.move_to_end((current, expert))
        missing = [expert for expert in predicted if (layer, expert) not in self._slots]
        self._predicted.update((layer, expert) for expert in missing)
        self.counts.num_prefetched += len(missing)
        self._copy(layer, missing)

    def _copy(self, layer: int, experts: Sequence[int]) -> None:
        if not experts:
            return
        slots = []
        for expert in experts:
            slot = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
            self._slots[layer, expert] = slot
            slots.append(slot)
        source = self._layers[layer]
        if self._stream is None:
            for expert, slot in zip(experts, slots, strict=True):
                self._gate_up_SIW[slot], self._down_SWI[slot] = source.gate_up_EIW[expert], source.down_EWI[expert]
            return
        with torch.cuda.stream(self._stream):
            for expert, slot in zip(experts, slots, strict=True):
                self._gate_up_SIW[slot].copy_(source.gate_up_EIW[expert], non_blocking=True)
                self._down_SWI[slot].copy_(source.down_EWI[expert], non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        self._copied.update(dict.fromkeys(slots, event))
