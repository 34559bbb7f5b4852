"""How fast this is, compared with plain noxfiles."""
