"""Was the value computed as it should be? These hold whatever the past was."""
