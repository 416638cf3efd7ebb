"""A web application in which each user keeps notes."""
