"""Laws: exact figures as formulas in the parameters of a program, found, compared and written."""
