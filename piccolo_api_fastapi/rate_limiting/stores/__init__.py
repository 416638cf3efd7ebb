"""The stores of counts: memory, Redis or the database."""
