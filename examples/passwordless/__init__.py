"""People sign in, and up, by a link or a code in the mail; there are no passwords."""
