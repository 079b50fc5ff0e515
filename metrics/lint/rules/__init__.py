"""The lint rules: each module is one, named after what must hold, and is found by itself."""
