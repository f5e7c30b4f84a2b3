"""Files of a calibration: their keys are stored names and do not follow the attributes."""

from __future__ import annotations

import json

from mm.spaces.calibration import read_calibration, read_sound_calibration
from mm.spaces.registry import WEIGHTS


def test_read_calibration_and_dump_reproduce_the_shipped_file() -> None:
    path = WEIGHTS / "lite" / "calibration.json"
    assert read_calibration(path).model_dump_json(indent=2) + "\n" == path.read_text()


def test_read_sound_calibration_and_dump_reproduce_the_keys_of_the_shipped_file() -> None:
    path = WEIGHTS / "lite" / "sound.json"
    assert json.loads(read_sound_calibration(path).model_dump_json()) == json.loads(path.read_text())
