"""What the HR systems deliver: staff, managers, absence, recruiting, training, goals, surveys, and safety at work."""
