"""The lint rules. Each module here is one rule, named after what must hold; `metrics.lint` finds it by itself."""
