"""Are the values in the columns that a KPI reads distributed as in the past?"""
