"""Files of earlier versions, and of this one: each is read as what was stored."""
