"""Versions of KPI definitions: what a definition's hash covers, and which definitions were reviewed."""
