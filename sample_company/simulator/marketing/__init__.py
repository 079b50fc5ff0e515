"""What the ad platforms, the web statistics and the lead form deliver."""
