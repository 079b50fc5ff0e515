"""Are the values in the columns that a KPI reads like those of the past?"""
