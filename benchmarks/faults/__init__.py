"""Faults injected into the sample company's source files, to see which of them the gate lets through.

The harness knows the faults; the gate knows none of them.
"""
