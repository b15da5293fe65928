"""How what is stored is shown: short texts, trees, HTML for notebooks, completion of keys."""
