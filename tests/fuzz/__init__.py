"""Fuzzing: `python -m tests.fuzz` looks for inputs that break what reads requests and answers of strangers.

`targets.py` says what is tried and what must hold, and `engine.py` runs a target guided by coverage (atheris). `corpus/`
holds where each begins.
"""
