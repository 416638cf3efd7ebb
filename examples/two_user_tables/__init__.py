"""An application with two user tables: customers and staff."""
