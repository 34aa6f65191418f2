"""Departments, groups, endpoints, rights and certificates as one value, one YAML file, and a difference."""
