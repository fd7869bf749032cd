"""The figures that a company is run by: revenue, energy, loans, agents ... each a question in a file of its own."""
