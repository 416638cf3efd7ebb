"""An application that is guarded as a whole."""
