"""Write `api/static/vendor/preact.js` from the modules that Preact and htm publish. Needs `npm` on
the PATH and its registry.

The published modules are taken as they are, only their `import` and `export` lines become `const`
and `return`, so that all of it is one file, loaded in one request, without a bundler and without an
import map, which the page's security policy would refuse.
"""

import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "api/static/vendor/preact.js"
PACKAGES = {
    "preact@11.2.0": "sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
    "htm@3.1.1": "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
}
NAMES = {  # what the page uses
    "preact": ["h", "render", "Fragment", "createContext"],
    "hooks": ["useCallback", "useContext", "useEffect", "useId", "useLayoutEffect", "useMemo", "useRef", "useState"],
}
HEAD = """// Preact 11.2.0 (MIT, Copyright Jason Miller) and htm 3.1.1 (Apache-2.0, Copyright Google), as they are published.
// Made by requirements/page.py; not to be edited. The licences are beside this file.
"""


def fetch(folder: Path, package: str, integrity: str) -> Path:
    """Download and unpack one package; its integrity is checked first."""
    packed = subprocess.run(
        ["npm", "pack", package, "--json", "--pack-destination", folder], check=True, capture_output=True, text=True
    )
    (package_info,) = json.loads(packed.stdout)
    if package_info["integrity"] != integrity:
        raise SystemExit(f"{package} is not what it was: {package_info['integrity']}")
    into = folder / package_info["name"]
    with tarfile.open(folder / package_info["filename"]) as archive:
        archive.extractall(into, filter="data")
    return into / "package"


def as_function(source: str) -> str:
    """The body of a function that returns an object of what the module exports, and gets `preact`
    for what it imports."""
    source = re.sub(r"//# sourceMappingURL=.*", "", source).strip()

    def bind(match: re.Match[str]) -> str:
        return f"const{{{match[1].replace(' as ', ':')}}}=preact;"

    def give(match: re.Match[str]) -> str:
        pairs = (pair.split(" as ") for pair in match[1].split(","))
        return "return{" + ",".join(f"{name}:{local}" for local, name in pairs) + "};"

    source = re.sub(r'import\{([^}]*)\}from"preact";?', bind, source)
    return re.sub(r"export default (.*)$", r"return \1", re.sub(r"export\{([^}]*)\};?", give, source), flags=re.S)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        preact, htm = (fetch(Path(temporary), package, integrity) for package, integrity in PACKAGES.items())
        modules = {
            "preact": preact / "dist/preact.mjs",
            "hooks": preact / "hooks/dist/hooks.mjs",
            "htm": htm / "dist/htm.mjs",
        }
        parts = [f"const {name} = (() => {{\n{as_function(path.read_text())}\n}})();" for name, path in modules.items()]
        exports = [f"export const {{ {', '.join(names)} }} = {name};" for name, names in NAMES.items()]
        exports.append("export const html = htm.bind(preact.h);")
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text("\n".join([HEAD, *parts, *exports]) + "\n")
        for name, package in (("preact", preact), ("htm", htm)):
            (TARGET.parent / f"LICENSE.{name}").write_text((package / "LICENSE").read_text())


if __name__ == "__main__":
    main()
