"""Real companies as they would be lived: how much of what is right the gate holds or flags."""
