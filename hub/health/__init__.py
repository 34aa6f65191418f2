"""How one serving process is: what is measured, and what is judged from it."""
