"""Reading company data safely."""
