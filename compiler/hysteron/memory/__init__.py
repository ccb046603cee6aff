"""Memory technologies: cell physics, error channels, error-correcting codes."""
