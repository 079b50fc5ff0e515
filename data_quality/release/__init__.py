"""What may be released, decisions, vintages, and the release itself."""
