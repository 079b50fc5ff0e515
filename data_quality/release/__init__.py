"""The release: eligibility, decisions, pending incidents, vintages, and the release itself."""
