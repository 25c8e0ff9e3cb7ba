"""Coverage-guided fuzzing of what reads bytes from outside: `python -m fuzz`, or `make fuzz`.

It owns the targets, their seeds, and the judge that says whether an answer was allowed. The run that every change has
to pass is `tests/fuzz`; properties of good tokens and keys are in `tests/jose/test_properties.py`. README.md says how
to run it, and what was run.
"""
