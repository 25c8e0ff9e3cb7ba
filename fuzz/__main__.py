"""`python -m fuzz TARGET [--into=FOLDER] [libFuzzer options]`: fuzz one target in this process, which ends with it.

`python -m fuzz all -runs=N` fuzzes each target in turn with `N` inputs, each in a process of its own. What was learned
and what was found is kept in `build/fuzz`, or in the folder that is given.
"""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fuzz.targets import NAMES

ROOT: Final = Path(__file__).parents[1]
# An input that takes so long, or so much memory, is one that was found.
_LIMITS: Final = ("-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1")


def main(arguments: list[str]) -> int:
    """Fuzz; return 1 for what was found, 2 for what cannot be done."""
    if not arguments or arguments[0] not in (*NAMES, "all"):
        sys.stderr.write(f"usage: python -m fuzz all|{'|'.join(NAMES)} [--into=FOLDER] [libFuzzer options]\n")
        return 2
    if find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed; there is one for Python 3.11 to 3.13 on Linux and x86-64.\n"
        )
        return 2
    name, *options = arguments
    if name == "all":
        return max([_fuzz_in_another_process(one, options) for one in NAMES])
    into = next(
        (option for option in options if option.startswith("--into=")), f"--into={ROOT / 'build' / 'fuzz'}"
    )
    _fuzz(name, Path(into.removeprefix("--into=")) / name, [option for option in options if option != into])
    return 0


def _fuzz_in_another_process(name: str, options: list[str]) -> int:
    sys.stderr.write(f"== {name}\n")
    ended = subprocess.run([sys.executable, "-m", "fuzz", name, *options], cwd=ROOT)  # noqa: S603 - ourselves
    return 0 if ended.returncode == 0 else 1


def _fuzz(name: str, folder: Path, options: list[str]) -> None:
    """Fuzz, and end this process."""
    atheris = import_module("atheris")
    # Only what was imported in here shows the fuzzer which way an input took.
    with atheris.instrument_imports(include=["tokenward"]):
        target = import_module(f"fuzz.targets.{name}")
    seeds, corpus, found = (folder / part for part in ("seeds", "corpus", "found"))
    for part in (seeds, corpus, found):
        part.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.SEEDS):
        (seeds / f"{number:03}").write_bytes(seed)
    defaults = (
        f"-max_len={target.MAX_BYTES}",
        f"-artifact_prefix={found}/",
        f"-dict={ROOT / 'fuzz' / 'json.dict'}",
    )
    atheris.Setup([name, *_LIMITS, *defaults, *options, str(corpus), str(seeds)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
