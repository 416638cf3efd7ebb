"""Events: emitting, logging and storing them, and telemetry."""
