"""`python -m benchmarks [--suite server|storage|storm|jose] [--quick]`; see benchmarks/README.md."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.processes import ROOT

RESULTS = Path(__file__).parent / "results"


def run_server_suite(*, quick: bool) -> int:
    """Print the table; a full run is also written to results/server.json. 1 if something was not measured."""
    from benchmarks import server_suite
    from benchmarks.results import print_table, write_json

    started = time.monotonic()
    rows = server_suite.run(server_suite.QUICK if quick else server_suite.FULL)
    print()
    print_table(rows)
    print(f"\n{time.monotonic() - started:.0f} s")
    if not quick:
        write_json(rows, RESULTS / "server.json")
        print(f"written: {(RESULTS / 'server.json').relative_to(ROOT)}")
    return int(any(row.value is None for row in rows))


def run_storage_suite() -> int:
    """Print what a million refreshes cost and write it to results/storage.json; not 0 if the check failed."""
    command = [sys.executable, "-m", "benchmarks.refresh_million"]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    if done.returncode == 0:
        (RESULTS / "storage.json").write_text(done.stdout)
    return done.returncode


def run_storm_suite(*, quick: bool) -> int:
    """Print the table; a full run is also written to results/storm.json."""
    from benchmarks import storm_suite
    from benchmarks.results import print_table, write_json

    rows = storm_suite.run(storm_suite.QUICK if quick else storm_suite.FULL)
    print()
    print_table(rows)
    if not quick:
        write_json(rows, RESULTS / "storm.json")
        print(f"written: {(RESULTS / 'storm.json').relative_to(ROOT)}")
    return 0


def run_jose_suite(*, quick: bool) -> int:
    """Print the table; a full run is also written to results/jose.json."""
    from benchmarks import jose_suite
    from benchmarks.jose_report import print_rows, write_rows

    started, load = time.monotonic(), os.getloadavg()[0]
    size = jose_suite.QUICK if quick else jose_suite.FULL
    rows = jose_suite.run(size)
    print_rows(rows)
    print(f"\n{time.monotonic() - started:.0f} s")
    if not quick:
        write_rows(rows, RESULTS / "jose.json", rounds=size.rounds, load_before=load)
        print(f"written: {(RESULTS / 'jose.json').relative_to(ROOT)}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--suite", choices=("server", "storage", "storm", "jose"), default="server")
    parser.add_argument(
        "--quick", action="store_true", help="try the harness: short, inexact, nothing written"
    )
    arguments = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the benchmarks read /proc and so need Linux")
    if arguments.suite == "storage":
        return run_storage_suite()
    if arguments.suite == "storm":
        return run_storm_suite(quick=arguments.quick)
    if arguments.suite == "jose":
        return run_jose_suite(quick=arguments.quick)
    return run_server_suite(quick=arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
