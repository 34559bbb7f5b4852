"""Records of what one run saw: texts in comparable form."""
