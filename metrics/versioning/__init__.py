"""What a definition's hash covers, and which definitions were reviewed."""
