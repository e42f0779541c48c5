"""Benchmarks: ratios within one run, made by programs that anybody can run; see README.md."""
