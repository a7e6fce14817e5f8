"""Benchmarks against real parts, each figure a ratio within one run. See README.md beside this file."""
