"""The settings of one installation: their values, their file, and the text of a new one."""
