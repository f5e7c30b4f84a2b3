"""Write `api/static/vendor/preact.js` from the published modules of Preact and htm.

Requires `npm` on the PATH and access to its registry. The modules are unchanged except that
`import` becomes `const` and `export` becomes `return`. The result is one file, loaded in one
request, without a bundler and without an import map, which the content security policy of the page
does not allow.
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
EXPORTS = {  # that the page uses
    "preact": ["h", "render", "Fragment", "createContext"],
    "hooks": ["useCallback", "useContext", "useEffect", "useId", "useLayoutEffect", "useMemo", "useRef", "useState"],
}
HEADER = """// Preact 11.2.0 (MIT, Copyright Jason Miller) and htm 3.1.1 (Apache-2.0, Copyright Google), as they are published.
// Made by requirements/page.py; not to be edited. The licences are beside this file.
"""


def fetch(folder: Path, package: str, integrity: str) -> Path:
    """Download, verify and unpack one package."""
    output = subprocess.run(
        ["npm", "pack", package, "--json", "--pack-destination", folder], check=True, capture_output=True, text=True
    )
    (package_info,) = json.loads(output.stdout)
    if package_info["integrity"] != integrity:
        raise SystemExit(f"{package} has another integrity hash than expected: {package_info['integrity']}")
    target: Path = folder / package_info["name"]
    with tarfile.open(folder / package_info["filename"]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def convert_to_function_body(source: str) -> str:
    """Convert a module to a function body: imports are read from `preact`, exports are returned."""
    source = re.sub(r"//# sourceMappingURL=.*", "", source).strip()

    def replace_import(match: re.Match[str]) -> str:
        return f"const{{{match[1].replace(' as ', ':')}}}=preact;"

    def replace_export(match: re.Match[str]) -> str:
        pairs = (pair.split(" as ") for pair in match[1].split(","))
        return "return{" + ",".join(f"{name}:{local}" for local, name in pairs) + "};"

    source = re.sub(r'import\{([^}]*)\}from"preact";?', replace_import, source)
    return re.sub(r"export default (.*)$", r"return \1", re.sub(r"export\{([^}]*)\};?", replace_export, source), flags=re.S)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        preact, htm = (fetch(Path(temporary), package, integrity) for package, integrity in PACKAGES.items())
        modules = {
            "preact": preact / "dist/preact.mjs",
            "hooks": preact / "hooks/dist/hooks.mjs",
            "htm": htm / "dist/htm.mjs",
        }
        functions = [
            f"const {name} = (() => {{\n{convert_to_function_body(path.read_text())}\n}})();" for name, path in modules.items()
        ]
        exports = [f"export const {{ {', '.join(names)} }} = {name};" for name, names in EXPORTS.items()]
        exports.append("export const html = htm.bind(preact.h);")
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text("\n".join([HEADER, *functions, *exports]) + "\n")
        for name, package in (("preact", preact), ("htm", htm)):
            (TARGET.parent / f"LICENSE.{name}").write_text((package / "LICENSE").read_text())


if __name__ == "__main__":
    main()
