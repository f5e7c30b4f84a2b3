"""The shipped space, and the captioned images of the training tests."""

from __future__ import annotations

from tests.spaces.conftest import space
from tests.training.conftest import captioned_folder

__all__ = ["captioned_folder", "space"]
