"""Requests and responses: the route class, problems, cookies, the client and its address."""
