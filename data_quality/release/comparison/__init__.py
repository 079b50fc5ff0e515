"""Candidates compared with what is published: new vintages, periods that would contradict each other, refactorings.

What follows for each key is decided in `eligibility.py`.
"""
