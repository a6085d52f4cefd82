"""Measures the library and its peers on the same products; `benchmarks/comprehensive_benchmark.py` runs it.

cases: what is multiplied; implementations, alternatives and the peers: who multiplies; timing: how long it
takes; one_case: all of that for one case; run: all cases, recorded one by one.
"""
