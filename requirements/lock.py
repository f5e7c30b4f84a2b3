"""Write both lock files from the `.in` files beside this one. Needs `uv` on the PATH and the
package index.

`requirements.lock` is the base; `requirements-train.lock` holds only what comes on top of it, so
that installing the second never touches the first. Both are complete, and are installed with `pip
install --no-deps`.
"""

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BASE = HERE.parent / "requirements.lock"
TRAIN = HERE.parent / "requirements-train.lock"


def compile_lock(source: Path) -> list[str]:
    command = [
        "uv",
        "pip",
        "compile",
        "--universal",
        "--python-version",
        "3.11",
        "--no-annotate",
        "--no-header",
        "-q",
        str(source),
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def project(line: str) -> str:
    return re.split(r"[=\[ ;]", line, maxsplit=1)[0]


def read_pins(source: Path) -> list[str]:
    return [line for line in source.read_text().splitlines() if not line.startswith("#")]


def main() -> None:
    base = sorted(compile_lock(HERE / "base.in") + read_pins(HERE / "no-deps.in"))
    BASE.write_text("\n".join(base) + "\n")
    known = {project(line) for line in base}
    extra = [line for line in compile_lock(HERE / "train.in") if project(line) not in known]
    TRAIN.write_text("\n".join(sorted({*extra, *read_pins(HERE / "no-deps-train.in")})) + "\n")


if __name__ == "__main__":
    main()
