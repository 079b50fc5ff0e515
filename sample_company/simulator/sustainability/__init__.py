"""What the environment system and the board's secretary deliver: emissions, waste, water, and who sits on the board."""
