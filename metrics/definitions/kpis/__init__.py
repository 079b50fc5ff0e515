"""The content of a KPI's file: its definition, and the adoption with owner, target and settings of the gate."""
