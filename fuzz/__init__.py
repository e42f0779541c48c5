"""Coverage-guided fuzzing: ``python -m fuzz TARGET``; see :mod:`fuzz.targets`."""
