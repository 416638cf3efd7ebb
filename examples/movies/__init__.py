"""A service with people, movies and reviews: owners, editors and an administrator."""
