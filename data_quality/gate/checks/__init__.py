"""The gate's checks: a folder for each family, a module for each check, and beside them what several of them share."""
