"""The rules on what was published. Each module here is one, named after what it finds."""
