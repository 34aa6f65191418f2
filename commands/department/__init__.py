"""What a department does by the command line: who it is and how it calls, what it makes, sends and gets."""
