"""What stands in the file of a KPI: its definition, and the adoption with owner, target and settings of the gate."""
