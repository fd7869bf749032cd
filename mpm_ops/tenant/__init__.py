"""The tables of a company database, by subject; `models` knows them all. Lists of what may be read lie beside them."""
