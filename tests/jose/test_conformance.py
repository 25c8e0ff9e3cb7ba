"""The conformance page is in step with what the tests find."""

from pathlib import Path

import pytest
from tests.interop.matrix import CASES
from tests.jose import conformance
from tests.jose.rfc_vectors import DOCUMENTS, ENTRIES


def test_the_conformance_page_is_in_step_with_the_tests() -> None:
    assert conformance.PAGE.read_text("utf-8") == conformance.page(), (
        "run: .venv/bin/python -m tests.jose.conformance --write"
    )


def test_the_page_has_a_row_for_every_example_and_every_algorithm() -> None:
    lines = conformance.page().splitlines()
    for entry in ENTRIES.values():
        row = f"| {entry.section} | {entry.what} | {entry.shown()} |"
        assert any(line.startswith(row) for line in lines)
    for case in CASES:
        (line,) = [line for line in lines if line.startswith(f"| {case.name} | ") and "| " in line[3:]][-1:]
        assert "both ways" in line
    assert sum(line.startswith("### RFC ") for line in lines) == len(DOCUMENTS)


def test_a_page_that_differs_is_refused_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "conformance.md")
    assert conformance.main(["--check"]) == 1
    assert "--write" in capsys.readouterr().err
    assert conformance.main(["--write"]) == 0
    assert conformance.main(["--check"]) == 0
    (tmp_path / "conformance.md").write_text("another page", "utf-8")
    assert conformance.main(["--check"]) == 1


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main([]) == 2
    assert "--write" in capsys.readouterr().err
