"""What product and engineering deliver: the app, releases, defects, incidents, sprints, ideas and launches."""
