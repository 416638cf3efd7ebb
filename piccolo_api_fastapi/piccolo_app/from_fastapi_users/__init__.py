"""Moving the users of fastapi-users into the tables of this library."""
