"""One operation over many databases."""
