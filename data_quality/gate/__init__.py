"""The judge: which keys there are, their candidates, the checks, verdicts, and incidents."""
