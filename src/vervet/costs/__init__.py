"""What sampling and vetting cost: FLOPs, memory traffic, dollars, seconds. Formulas only."""
