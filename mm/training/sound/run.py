"""One run of the sound tower, by steps: trains the class vectors, starting from those of texts.

The network is frozen: trained as a whole it separated the labels in the training data and assigned
other sounds to them. Names of tensors end in their axes: B clips of a step, K classes, D
dimensions, N clips, T takes, C labels, Q phrasings of a label.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mm.errors import InvalidInput
from mm.training.checkpoint import RunState
from mm.training.sound.data import ESC10, TUXPAINT, AudioClips, Float
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.teacher_scores import TakeScores


class SoundRun:
    """The class vectors, and the data that they are trained on."""

    def __init__(self, config: SoundConfig, clips: AudioClips, takes: TakeScores, seed: int) -> None:
        """Raises `InvalidInput` for an unknown label among those left out."""
        self.config, self._seed, self.device = config, seed, torch.device("cpu")
        self._train = torch.from_numpy(select_training_clips(clips, config.left_out))
        self._scores_TNK = torch.from_numpy(takes.scores)
        self._mixed_TN = torch.from_numpy(takes.mixed)
        self._label_N = torch.from_numpy(clips.label)
        self._text_ND, self._image_ND = torch.from_numpy(clips.text), torch.from_numpy(clips.image)
        self._label_CQD = torch.from_numpy(clips.label_vectors)
        self._start_KD = torch.from_numpy(center_vectors(clips.class_vectors))
        self.vectors_KD = self._start_KD.clone().requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.vectors_KD], config.rate)
        self.num_done = 0

    def advance(self) -> Tensor:
        """Run one step; return its loss.

        All randomness comes from seed and step, so that a resumed run gives the same result.
        """
        config = self.config
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + self.num_done)
        clip_B = self._train[torch.randperm(len(self._train), generator=random)[: config.batch]]
        take_B = torch.randint(len(self._scores_TNK), (len(clip_B),), generator=random)
        mixed_B = self._mixed_TN[take_B, clip_B]
        audio_BD = functional.normalize(self._scores_TNK[take_B, clip_B] @ self.vectors_KD, dim=1)
        loss = self._text_loss(audio_BD, clip_B, mixed_B, random)
        loss = loss + config.pictured * self._image_loss(audio_BD, clip_B, mixed_B)
        loss = loss + config.anchor * (self.vectors_KD - self._start_KD).square().sum(1).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.num_done += 1
        return loss.detach()

    def state(self) -> RunState:
        """All that the next step depends on."""
        return {"step": self.num_done, "vectors": self.vectors_KD.detach(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.num_done = state["step"]
        with torch.no_grad():
            self.vectors_KD.copy_(state["vectors"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _text_loss(self, audio_BD: Tensor, clip_B: Tensor, mixed_B: Tensor, random: torch.Generator) -> Tensor:
        """Contrastive loss with texts, each label in a random phrasing.

        Texts of the same label, and of the clip that is mixed in, are not negatives.
        """
        label_B = self._label_N[clip_B]
        phrasing_B = torch.randint(self._label_CQD.shape[1], (len(label_B),), generator=random)
        has_label_B = label_B >= 0
        text_BD = torch.where(has_label_B[:, None], self._label_CQD[label_B.clamp(min=0), phrasing_B], self._text_ND[clip_B])
        mixed_label_B = torch.where(mixed_B >= 0, self._label_N[mixed_B.clamp(min=0)], -1)
        is_same_BB = (label_B[:, None] == label_B) | (mixed_label_B[:, None] == label_B)
        is_positive_BB = (is_same_BB & has_label_B) | (mixed_B[:, None] == clip_B)
        return _contrastive_loss(audio_BD, text_BD, is_positive_BB, self.config.temperature)

    def _image_loss(self, audio_BD: Tensor, clip_B: Tensor, mixed_B: Tensor) -> Tensor:
        return _contrastive_loss(audio_BD, self._image_ND[clip_B], mixed_B[:, None] == clip_B, self.config.temperature)


def center_vectors(class_vectors_KD: Float) -> Float:
    """Subtract the mean of all classes, which would dominate a sum over many of them."""
    return np.asarray(class_vectors_KD - class_vectors_KD.mean(0), np.float32)


def select_training_clips(clips: AudioClips, left_out: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Indices of the clips of train that have a text, without the labels left out.

    Where labels are left out Tux Paint is left out too, because it has the same sounds under other
    names. Raises `InvalidInput` for an unknown label.
    """
    unknown = sorted(set(left_out) - set(clips.labels))
    if unknown:
        raise InvalidInput(f"There is no label {unknown[0]!r}; labels are {', '.join(clips.labels)}.")
    excluded = [clips.labels.index(label) for label in left_out]
    is_labelled_N = (clips.source == ESC10) & ~np.isin(clips.label, excluded)
    is_named_N = (clips.source == TUXPAINT) & (np.abs(clips.text).sum(1) > 0)
    return np.flatnonzero(~clips.dev & (is_labelled_N if left_out else is_labelled_N | is_named_N))


def _contrastive_loss(audio_BD: Tensor, other_BD: Tensor, is_positive_BB: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions over the clips with a non-zero counterpart; 0 for fewer than two.

    Positive pairs off the diagonal are masked out.
    """
    rows = (other_BD.norm(dim=1) > 0).nonzero()[:, 0]
    if len(rows) < 2:
        return audio_BD.sum() * 0
    scores = audio_BD[rows] @ other_BD[rows].T / temperature
    is_masked = is_positive_BB[rows][:, rows] & ~torch.eye(len(rows), dtype=torch.bool)
    targets = torch.arange(len(rows))
    to_other = functional.cross_entropy(scores.masked_fill(is_masked, -1e4), targets)
    to_audio = functional.cross_entropy(scores.T.masked_fill(is_masked.T, -1e4), targets)
    return (to_other + to_audio) / 2
