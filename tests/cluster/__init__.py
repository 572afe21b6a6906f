"""Several members of ours: what they promise together, and how their number changes."""
