"""What an analyst must not be able to do, and what must go on working."""
