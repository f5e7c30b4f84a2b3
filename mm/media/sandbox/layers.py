"""Sandbox layers of a decoding child: which are required, and the order in which they are applied.

docs/sandbox.md describes what each of them prevents.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mm.errors import Unavailable
from mm.media.sandbox import kernel, landlock, seccomp
from mm.media.sandbox.advisories import known_vulnerabilities
from mm.media.sandbox.rlimits import apply_rlimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Minimum = Literal["limits", "one", "both"]
LAYERS = ("limits", "no new privileges", "no network", "no capabilities", "Landlock", "seccomp")
"""In the order in which they are applied.

A namespace grants capabilities, and seccomp forbids the system calls that the other layers need.
"""
FILTERS = frozenset({"Landlock", "seccomp"})


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Layers that a child applies, and those without which it reads no file.

    `minimum`: "limits" requires the limits only, "one" also no new privileges and one of seccomp
    and Landlock, "both" no new privileges and both. All layers that the machine supports are
    applied in any case; only measurements and tests leave some out of `layers`.
    """

    minimum: Minimum = "one"
    allow_known_holes: bool = False  # decode although the installed FFmpeg has a known vulnerability
    layers: Sequence[str] = LAYERS


@dataclass(frozen=True, slots=True)
class ActiveLayers:
    """Layers that a child has applied, and the reasons why the others are missing."""

    layers: Sequence[str]
    missing: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """Sentences for `mm doctor` and the readiness route."""
        applied = f"Files are decoded with the layers {', '.join(self.layers)}."
        return " ".join([applied, *(f"Missing layer: {layer} ({reason})." for layer, reason in self.missing.items())])


def refuse_vulnerable_decoder(sandbox: Sandbox) -> None:
    """Raise `Unavailable` when the installed FFmpeg has a known vulnerability, unless allowed."""
    vulnerabilities = [] if sandbox.allow_known_holes else known_vulnerabilities()
    if vulnerabilities:
        raise Unavailable(
            f"{' '.join(vulnerabilities).rstrip('.')}; MM_SANDBOX_ALLOW_KNOWN_HOLES=true decodes files nevertheless"
        )


def apply_layers(sandbox: Sandbox, memory_bytes: int, cpu_seconds: int) -> ActiveLayers:
    """Apply every supported layer. After it nothing can be opened, imported or started.

    Raises `Unavailable` when fewer layers than the minimum are active.
    """
    functions: dict[str, Callable[[], None]] = {
        "limits": lambda: apply_rlimits(memory_bytes, cpu_seconds),
        "no new privileges": kernel.no_new_privileges,
        "no network": kernel.leave_network,
        "no capabilities": kernel.drop_capabilities,
        "Landlock": _apply_landlock,
        "seccomp": _apply_seccomp,
    }
    missing: dict[str, str] = {}
    for layer in LAYERS:
        if layer not in sandbox.layers:
            missing[layer] = "it was not requested"
            continue
        try:
            functions[layer]()
        except (OSError, ValueError) as error:
            missing[layer] = getattr(error, "strerror", None) or str(error)
    active = ActiveLayers([layer for layer in LAYERS if layer not in missing], missing)
    check_minimum(active, sandbox.minimum)
    return active


def check_minimum(active: ActiveLayers, minimum: Minimum) -> None:
    """Raise `Unavailable` when a child has fewer layers than the minimum."""
    required = {"limits"} if minimum == "limits" else {"limits", "no new privileges"}
    num_filters = {"limits": 0, "one": 1, "both": 2}[minimum]
    if required <= set(active.layers) and len(FILTERS & set(active.layers)) >= num_filters:
        return
    reasons = "; ".join(f"{layer}: {reason}" for layer, reason in active.missing.items() if layer in required | FILTERS)
    raise Unavailable(
        f"this machine lacks sandbox layers that MM_SANDBOX_MINIMUM={minimum} requires ({reasons}); "
        "MM_SANDBOX_MINIMUM=limits decodes without them"
    )


def _apply_landlock() -> None:
    version = landlock.abi()
    if not version:
        raise OSError(errno.ENOSYS, "the kernel does not have it, or it is disabled")
    if kernel.count_threads() > 1:
        raise OSError(errno.EBUSY, "a library started threads before it was applied")
    landlock.deny_all(version)


def _apply_seccomp() -> None:
    architecture = seccomp.current_architecture()
    if architecture is None:
        raise OSError(errno.ENOSYS, "there is no filter for this processor architecture")
    seccomp.install(architecture)
