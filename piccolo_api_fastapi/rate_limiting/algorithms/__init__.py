"""The algorithms of limits, and the grammar of limit strings."""
