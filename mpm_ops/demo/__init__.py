"""Made-up companies with a year of believable business, the same for the same seed and day."""
