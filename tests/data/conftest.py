"""The captioned images of the training tests."""

from __future__ import annotations

from tests.training.conftest import captioned_folder

__all__ = ["captioned_folder"]
