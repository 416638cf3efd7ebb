"""A site whose visitors sign in with a provider, and a toy provider to try it with."""
