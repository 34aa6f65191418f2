"""Whose certificate it is: authorities, chains, revocation lists, enrolment, and a demonstration CA."""
