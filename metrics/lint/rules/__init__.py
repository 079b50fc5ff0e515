"""The rules whose violation is a mistake. Each module here is one, named after what must hold."""
