"""Reports for people and for their scripts, which come with API tokens."""
