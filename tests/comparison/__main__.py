"""Writes `docs/reference/attacks.md`: `python -m tests.comparison`."""

from tests.comparison.page import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
