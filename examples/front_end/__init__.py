"""A front end of your own: a page of plain JavaScript, and the API that it talks to."""
