"""What holds a decoding child: the layers, which of them there must be, and the order in which they
are put on.

docs/sandbox.md says what each of them keeps a file from.
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
"""In the order in which they are put on: a namespace brings capabilities, and the last forbids what
the others are made of."""
FILTERS = frozenset({"Landlock", "seccomp"})


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a child is asked to put on, and what it does not read a file without.

    `minimum`: "limits" asks for nothing but the limits and no new privileges, "one" also for one of
    seccomp and Landlock, "both" for both. All layers that can be had are put on all the same; only
    measurements and tests leave some out of `layers`.
    """

    minimum: Minimum = "one"
    allow_known_holes: bool = False  # decode although something is published against the FFmpeg that is installed
    layers: Sequence[str] = LAYERS


@dataclass(frozen=True, slots=True)
class ActiveLayers:
    """Layers that a child stands behind, and why the others are missing."""

    layers: Sequence[str]
    missing: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """For a person."""
        active = f"Files are decoded behind {', '.join(self.layers)}."
        return " ".join([active, *(f"Missing layer: {layer} ({why})." for layer, why in self.missing.items())])


def refuse_vulnerable_decoder(sandbox: Sandbox) -> None:
    """Raises `Unavailable` when something published against the installed FFmpeg applies."""
    holes = [] if sandbox.allow_known_holes else known_vulnerabilities()
    if holes:
        raise Unavailable(f"{' '.join(holes).rstrip('.')}; MM_SANDBOX_ALLOW_KNOWN_HOLES=true decodes all the same")


def apply_layers(sandbox: Sandbox, memory_bytes: int, cpu_seconds: int) -> ActiveLayers:
    """Put on every layer that can be had. From then on nothing can be opened, imported or started.

    Raises `Unavailable` when less than the minimum holds.
    """
    put_on: dict[str, Callable[[], None]] = {
        "limits": lambda: apply_rlimits(memory_bytes, cpu_seconds),
        "no new privileges": kernel.no_new_privileges,
        "no network": kernel.leave_the_network,
        "no capabilities": kernel.drop_capabilities,
        "Landlock": _landlock,
        "seccomp": _seccomp,
    }
    missing: dict[str, str] = {}
    for layer in LAYERS:
        if layer not in sandbox.layers:
            missing[layer] = "it was not asked for"
            continue
        try:
            put_on[layer]()
        except (OSError, ValueError) as error:
            missing[layer] = getattr(error, "strerror", None) or str(error)
    active = ActiveLayers([layer for layer in LAYERS if layer not in missing], missing)
    check_minimum(active, sandbox.minimum)
    return active


def check_minimum(active: ActiveLayers, minimum: Minimum) -> None:
    """Raises `Unavailable`, one sentence, when a child has less than the minimum."""
    wanted = {"limits"} if minimum == "limits" else {"limits", "no new privileges"}
    filters = {"limits": 0, "one": 1, "both": 2}[minimum]
    if wanted <= set(active.layers) and len(FILTERS & set(active.layers)) >= filters:
        return
    why = "; ".join(f"{layer}: {reason}" for layer, reason in active.missing.items() if layer in wanted | FILTERS)
    raise Unavailable(
        f"this machine lacks layers of the sandbox that MM_SANDBOX_MINIMUM={minimum} asks for ({why}); "
        "MM_SANDBOX_MINIMUM=limits decodes without them"
    )


def _landlock() -> None:
    version = landlock.abi()
    if not version:
        raise OSError(errno.ENOSYS, "the kernel has none, or it is switched off")
    if kernel.threads() > 1:
        raise OSError(errno.EBUSY, "a library started threads before it could be put on")
    landlock.deny_all(version)


def _seccomp() -> None:
    known = seccomp.machine()
    if known is None:
        raise OSError(errno.ENOSYS, "there is no filter for this kind of processor")
    seccomp.install(known)
