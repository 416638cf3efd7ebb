"""Moving the rows of piccolo-api into the tables of this library."""
