"""The stages of an alignment over what they share: data, the classes' vectors, the original network."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from mm.models.efficientnet_lite_torch import ImageEncoder
from mm.models.image_torch import prepared
from mm.training.align_config import AlignConfig, Teacher
from mm.training.align_data import load_split, load_unlabeled, pseudo_captioned
from mm.training.align_runs import OnEpoch, finish
from mm.training.align_start import imagenet_encoder
from mm.training.align_student import Ensemble, StudentRun
from mm.training.align_teacher import TeacherRun
from mm.training.sentences import class_sentences, sentence_vectors


class Stages:
    """Teaching, then learning from the teachers."""

    def __init__(self, config: AlignConfig, device: torch.device, on_epoch: OnEpoch) -> None:
        """Read the data. Raises `InvalidInput` for data that cannot be read."""
        self.config, self.device, self.on_epoch = config, device, on_epoch
        self.rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        kept = config.out / "vectors"
        self.class_vectors_KD = torch.from_numpy(sentence_vectors(class_sentences(), kept / "classes.npz"))
        self.original = prepared(self._placed(imagenet_encoder(self.class_vectors_KD)))
        self.train = load_split(config.data, "train", config.stored, kept, device)
        self.all = self.train
        if config.unlabeled is not None:
            pictures_NHWC = load_unlabeled(config.unlabeled, config.stored, device)
            self.all = self.train.joined(pseudo_captioned(pictures_NHWC, self.original, self.class_vectors_KD, config.size))

    def teach(self, teacher: Teacher) -> dict[str, Any]:
        """The last state of a teacher. Raises `InvalidInput` as `finish`."""
        train = self.all if teacher.unlabeled else self.train
        return finish(TeacherRun(self.config, teacher, train, self.class_vectors_KD, self.original, self.device), self.on_epoch)

    def ensemble(self, taught: Sequence[dict[str, Any]]) -> Ensemble:
        """The moving averages of teachers, as one that answers."""
        members = []
        for state in taught:
            encoder = ImageEncoder()
            encoder.load_state_dict(state["average"])
            members.append(prepared(self._placed(encoder)))
        scales = [float(state["contrast"]["log_scale"].exp()) for state in taught]
        return Ensemble(members, self.original, statistics.mean(scales))

    def student(self, seed: int, ensemble: Ensemble, start: dict[str, Tensor]) -> dict[str, Any]:
        """The last state of a student that starts from the weights `start`. Raises `InvalidInput` as `finish`."""
        encoder = self._placed(imagenet_encoder(self.class_vectors_KD))
        bank_SD = self.train.captions.flatten(0, 1)
        return finish(StudentRun(self.config, seed, self.all, bank_SD, ensemble, encoder, start, self.device), self.on_epoch)

    def _placed(self, encoder: ImageEncoder) -> ImageEncoder:
        return encoder.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
