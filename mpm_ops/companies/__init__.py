"""What happens to a company: registered, migrated, logged in to."""
